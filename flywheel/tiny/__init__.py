"""The embedded default model: a synthetic support desk, a tokenizer, pretraining, weights."""

"""The embedded default model: synthetic training data, tokenizer, pretraining and weights."""

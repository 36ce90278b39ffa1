"""Rows: the training data, rendered and tokenized with loss masks."""

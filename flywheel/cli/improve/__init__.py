"""Commands for training, jobs and training data."""

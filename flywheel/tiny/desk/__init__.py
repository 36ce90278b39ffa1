"""The synthetic support desk that generates the embedded model's training data."""

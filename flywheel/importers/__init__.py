"""Results of other harnesses: one file a format, and one writer for them all."""

"""Formats: the files of other harnesses, one reader each."""

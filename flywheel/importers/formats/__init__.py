"""Formats: one reader for the files of each harness."""

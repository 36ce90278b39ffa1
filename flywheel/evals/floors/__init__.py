"""Floors: the scores of trivial answers."""

"""Rows: what a training learns from, as tokens."""

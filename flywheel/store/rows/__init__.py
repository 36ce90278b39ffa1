"""Typed rows and Arrow batches."""

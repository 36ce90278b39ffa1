"""Graders that compare texts."""

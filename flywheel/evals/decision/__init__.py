"""Decisions: two runs compared, and what follows from it."""

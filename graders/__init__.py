"""Verdicts: graders judge an answer to an item, and say so when they cannot."""

"""Runs: what is asked of a model, and every answer and verdict kept."""

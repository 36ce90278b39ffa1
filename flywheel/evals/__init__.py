"""Evaluation: evalsets, runs, grading, results and decisions."""

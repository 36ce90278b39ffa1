"""Measuring: the only judge of better."""

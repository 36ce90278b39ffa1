"""Leakage: texts that two sets share."""

"""Floors: scores that need no skill."""

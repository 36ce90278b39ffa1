"""Checks of training rows."""

"""Repairs of training files."""

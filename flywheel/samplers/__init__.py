"""Samplers: every way to get a model's answer to a prompt."""

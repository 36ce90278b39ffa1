"""Prompt in, text out: every way to get a model's answer."""

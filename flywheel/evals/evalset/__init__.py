"""Evalsets: items, prompt and graders, read from their files."""

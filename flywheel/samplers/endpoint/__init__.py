"""Endpoints: models behind an OpenAI-compatible URL."""

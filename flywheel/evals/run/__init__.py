"""Runs: they sample a model, grade its answers, and store both."""

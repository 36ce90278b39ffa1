"""Training data: formats, checks, leakage and repairs."""

"""Local models: transformers on this machine."""

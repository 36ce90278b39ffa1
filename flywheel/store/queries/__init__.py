"""Queries: what the rest of Flywheel asks of the store, one file a subject."""

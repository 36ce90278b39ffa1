"""The store: every definition, sample and score in one DuckDB file that one process owns."""

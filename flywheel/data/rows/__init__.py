"""Training rows: read from any format, typed."""

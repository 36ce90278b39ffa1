"""The terminal: streams, tables, progress, errors."""

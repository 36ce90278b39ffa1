"""A local model that serves many callers: in this process, or in one of its own."""

"""Stories that read top to bottom."""

"""Python functions as models, in a separate process."""

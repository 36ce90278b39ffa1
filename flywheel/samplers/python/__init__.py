"""Python functions as models, in a process of their own."""

"""Commands for the store, imports, the embedded model and this installation."""

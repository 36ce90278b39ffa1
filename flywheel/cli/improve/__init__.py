"""Commands that train, and check what is trained on."""

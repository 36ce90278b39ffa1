"""Orders: from a config to a training with every number settled."""

"""Orders: a config with every "auto" resolved and every input recorded by digest."""

"""Peers: one script each, run in a separate environment, that prints one JSON object."""

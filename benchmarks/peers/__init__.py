"""Peers, each in a script that prints one JSON object, run in an environment of their own."""

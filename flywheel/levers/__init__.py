"""Levers: what tries to beat a baseline. They do not import each other."""

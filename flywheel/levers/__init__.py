"""Levers: ways to make a candidate that may beat a baseline. They do not import each other."""

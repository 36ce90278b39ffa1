"""Leakage: texts shared by two sets that should be disjoint."""

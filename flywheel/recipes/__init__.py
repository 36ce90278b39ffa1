"""Recipes: complete examples, each readable from top to bottom."""

"""Rows in: formats and checks of the data that users bring."""

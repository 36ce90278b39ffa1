"""Importers: the results of other harnesses. One reader per format, and a common writer."""

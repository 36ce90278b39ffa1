"""Flywheel: measure first, then try to beat the measurement, and let statistics decide."""

__version__ = "0.1.0"

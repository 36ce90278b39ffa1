"""Benchmarks of Flywheel and its peers, with recorded results."""

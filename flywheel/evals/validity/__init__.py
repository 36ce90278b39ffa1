"""Checks whether a grader can be trusted, with answers whose verdict is known."""

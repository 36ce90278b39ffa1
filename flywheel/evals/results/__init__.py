"""Results: what the rows of a run add up to."""

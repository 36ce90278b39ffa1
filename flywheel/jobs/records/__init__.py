"""Records: what a job's process said, and what it adds up to."""

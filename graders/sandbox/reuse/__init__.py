"""Whether one child may grade several samples."""

"""Statistics of judges: agreement, and corrected pass rates."""

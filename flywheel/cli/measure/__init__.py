"""Commands that measure, grade and show results."""

"""Numbers: intervals, paired tests, power, looks at a sealed split, agreement, corrections."""

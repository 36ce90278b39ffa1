"""Numbers: intervals, and later paired tests, power and calibration."""

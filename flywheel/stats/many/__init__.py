"""Statistics of many looks and many candidates."""

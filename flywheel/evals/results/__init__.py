"""Results of a run, computed from its rows."""

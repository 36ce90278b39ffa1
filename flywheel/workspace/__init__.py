"""Everything a user can do; the command line, notebooks, the service and the pages call it."""

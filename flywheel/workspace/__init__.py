"""What a user can do, once: the command line, notebooks, the service and the pages call it."""

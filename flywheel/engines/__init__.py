"""Where the work runs: here, in this process and its workers."""

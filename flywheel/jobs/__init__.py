"""Jobs: work that outlives a request, in a process of its own that can be followed and stopped."""

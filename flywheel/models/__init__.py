"""Models on this machine: their folders, the bases of adapters, and content digests."""

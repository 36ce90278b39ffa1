"""Models on this machine: their folders, the base of an adapter, and digests of what they hold."""

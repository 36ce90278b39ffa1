"""Export, rebuild and check of a store."""

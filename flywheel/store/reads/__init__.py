"""The chain of reads of sealed splits."""

"""The answer in a reply: found, read and compared."""

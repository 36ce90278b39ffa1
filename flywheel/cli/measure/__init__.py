"""Commands that measure and show what was measured."""

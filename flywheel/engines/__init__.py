"""Engines: they ask models and answer graders, in this process and its workers."""

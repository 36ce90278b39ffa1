"""The evalsets that ship with Flywheel: one folder a task."""

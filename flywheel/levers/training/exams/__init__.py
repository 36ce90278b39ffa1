"""Exams: evaluations on dev during a training, the selection of checkpoints, and the alarm."""

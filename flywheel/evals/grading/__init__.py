"""Grading: graders applied to answers, of a run or of a file."""

"""Exams: dev items answered and graded during a training, and what follows from them."""

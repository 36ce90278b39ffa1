"""Objectives: what a training learns, one trainer each."""

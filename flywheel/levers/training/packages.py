"""The packages that a training needs beside the core, checked before anything begins."""

from __future__ import annotations

from flywheel.extras import need
from flywheel.levers.training.config import TrainingConfig

PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft", "datasets")


def check_packages(config: TrainingConfig) -> None:
    """Raise MissingExtra for what is not installed. Loads nothing."""
    need(*PACKAGES, *config.method.packages)

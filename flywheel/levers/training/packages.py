"""The packages that a training needs beside the core, checked before anything begins."""

from __future__ import annotations

from flywheel.extras import need
from flywheel.levers.training.config import TrainConfig

PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft", "datasets")


def check_packages(config: TrainConfig) -> None:
    """Raise MissingExtra for what is not installed. Loads nothing."""
    need(*PACKAGES, *(("bitsandbytes",) if config.method.kind == "qlora" else ()))

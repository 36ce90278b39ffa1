"""The manifest of a trained model: what it was made of, beside its weights.

Its name ends in no .json, so that it is no part of the model's digest: the same weights are the
same model, whenever and wherever they were trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flywheel import __version__
from flywheel.levers.training.orders.order import Order

FILE = "flywheel.manifest"
_LIBRARIES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "accelerate")


def write_manifest(
    folder: Path, order: Order, best_step: int, metrics: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Write the manifest into the folder of a trained model, and give it back."""
    config = order.config
    manifest = {
        "flywheel": __version__,
        "lever": config.lever,
        "seed": config.seed,
        "base": config.model,
        "base_digest": order.digests.base,
        "data": str(config.data) if config.data else f"{config.evalset} train",
        "data_digest": order.digests.data,
        "rows": order.rows,
        "evalset": config.evalset,
        "evalset_digest": order.digests.evalset,
        "graders": order.digests.graders,
        "config": config.model_dump(mode="json"),
        "numbers": order.numbers.model_dump(mode="json"),
        "baseline": order.baseline,
        "rewards": None if order.rewards is None else order.rewards.model_dump(mode="json"),
        "best_step": best_step,
        "metrics": dict(metrics),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }
    (folder / FILE).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _version(library: str) -> str | None:
    """None for one that is not installed, as bitsandbytes need not be."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None

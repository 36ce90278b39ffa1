"""The manifest of a trained model: its provenance, stored beside its weights.

Its name does not end in .json, so that it is not part of the model's digest: the digest depends
only on the weights, not on when and where they were trained.
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
    """Write the manifest into the folder of a trained model, and return it."""
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
    """The version, or None if the library (such as bitsandbytes) is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None

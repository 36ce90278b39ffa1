"""The kinds of jobs that levers start. A job's process may only run one of these modules."""

from __future__ import annotations

import os
from pathlib import Path

from flywheel.jobs.kind import Kind, Kinds, module_command
from flywheel.jobs.queue import Resources
from flywheel.levers.training.orders.order import load_order

_FIRST_GPUS = (Path("/dev/nvidia0"), Path("/dev/kfd"))


def accelerator() -> Resources:
    """The resources that a training reserves exclusively: the visible GPUs, or the CPU.

    Uses neither torch nor a driver. Without CUDA_VISIBLE_DEVICES it is the first GPU, like the
    training's worker process.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        visible = "0" if any(path.exists() for path in _FIRST_GPUS) else ""
    gpus = [name.strip() for name in visible.split(",")]
    return {f"gpu:{name}": 1 for name in gpus if name and name != "-1"} or {"cpu": 1}


TRAINING = Kind(
    "training", module_command("flywheel.levers.training.worker"), load_order, accelerator
)
KINDS: Kinds = {kind.name: kind for kind in (TRAINING,)}

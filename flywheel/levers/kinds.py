"""The kinds of jobs that levers start. A job's process runs one of these modules and no other."""

from __future__ import annotations

import os
from pathlib import Path

from flywheel.jobs.kind import Kind, Kinds, module_command
from flywheel.jobs.queue import Resources
from flywheel.levers.training.orders.order import load_order

_FIRST_GPUS = (Path("/dev/nvidia0"), Path("/dev/kfd"))


def accelerator() -> Resources:
    """What a training runs on, for itself alone: the visible GPUs, else the CPU.

    Neither torch nor a driver is asked. Without CUDA_VISIBLE_DEVICES it is the first GPU, as for
    the process of a training.
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

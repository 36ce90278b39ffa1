"""The process of a training: `python -m flywheel.levers.training.worker FOLDER [DESCRIPTOR]`.

It executes the order in FOLDER. DESCRIPTOR is an inherited file descriptor that holds the folder's
lock. `flywheel.jobs.process` has what all jobs share.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flywheel.jobs.process import Control, Emit, work
from flywheel.jobs.records.journal import last_event

THREADS = "FLYWHEEL_THREADS"
MEMORY_REMEDY = "start again with a smaller batch_size or max_length, or with method.kind=lora"


def set_threads(cores: int) -> None:
    """Set the number of threads before torch is imported. The user's settings take precedence.

    On one or two cores, a single thread is fastest: a second one mostly waits.
    """
    wanted = os.environ.get(THREADS) or ("1" if cores <= 2 else None)
    if wanted is not None and "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = wanted
    # With tokenizer threads, every fork would print a warning.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _train(folder: Path, emit: Emit, control: Control) -> object:
    from flywheel.levers.lever import Work
    from flywheel.levers.training.lever import TRAINING_LEVER
    from flywheel.levers.training.orders.order import load_order

    order = load_order(folder)
    last, _ = last_event(folder)
    if last is not None and last.kind == "claimed":
        # The job waited in the queue, so its inputs may have changed since it was submitted.
        order.check_unchanged()
    order.config.check_packages()
    return TRAINING_LEVER.run(order, Work(folder, emit, control))


if __name__ == "__main__":
    set_threads(len(os.sched_getaffinity(0)))
    # With several GPUs, the trainer would use DataParallel.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    inherited = int(sys.argv[2]) if len(sys.argv) > 2 else None
    sys.exit(work(Path(sys.argv[1]), _train, inherited, MEMORY_REMEDY))

"""A training that trains nothing: it tells its steps and exams as a real one does, to trackers too.

`python scripted.py FOLDER FIRST LAST END`: a folder with an order, the steps, and how it ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from flywheel.jobs.process import Control, Emit, work
from flywheel.levers.training.orders.order import load_order
from flywheel.levers.training.trackers.tracking import tracked


def exam(step: int, tell: Emit) -> None:
    """An exam in which one item of two could not be judged by `tone`."""
    graders: Mapping[str, object] = {
        "exact": {"mean": step / 10, "n": 2, "ungraded": 0},
        "tone": {"mean": 0.5, "n": 1, "ungraded": 1},
    }
    tell("exam", {"step": step, "graders": graders, "seconds": 0.1})


def train(folder: Path, tell: Emit, control: Control) -> None:
    """Emit the steps, with an exam at each second one."""
    first, last, end = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    tell("started", {"resumed_from": first - 1 or None})
    with tracked(load_order(folder), folder, tell) as tell:
        if first == 1:
            exam(0, tell)
        for step in range(first, last + 1):
            tell("step", {"step": step, "loss": 1 / step, "kl": None, "seconds": 0.01})
            if step % 2 == 0:
                exam(step, tell)
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "failed":
            raise ValueError("the loss is no number")
        tell(end, {"step": last})


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), train))

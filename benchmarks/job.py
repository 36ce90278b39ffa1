"""One training in a job's process, and its CPU seconds; used by overhead.py.

    python -m benchmarks.job FOLDER

It has the journal, heartbeat and control of every job. Like peers/bare_trl.py, it prints the CPU
seconds of the whole process and of the loop, from the exam before the first step to the event of
the last step.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flywheel.jobs.process import Control, Emit, work
from flywheel.levers.training.worker import set_threads


class Clock:
    """The events of steps and exams, each with the process's CPU seconds at that time."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.steps: list[Mapping[str, Any]] = []
        self.exams: list[float] = []

    def train(self, folder: Path, tell: Emit, control: Control) -> object:
        """Execute the order in a folder, as a job's process does."""
        from flywheel.levers.training.orders.order import load_order
        from flywheel.levers.training.train import run

        def timed(kind: str, detail: Mapping[str, Any]) -> None:
            tell(kind, detail)
            if kind == "step":
                self.steps.append(detail)
                self.ended = time.process_time()
            elif kind == "exam":
                self.exams.append(detail["seconds"])
            elif kind == "exam_items" and not self.steps:
                self.began = time.process_time()

        return run(load_order(folder), folder, timed, control)


def main() -> None:
    """Train, and print."""
    set_threads(len(os.sched_getaffinity(0)))
    clock = Clock()
    code = work(Path(sys.argv[1]), clock.train)
    if code:
        sys.exit(code)
    found = {
        "loop": clock.ended - clock.began,
        "whole": time.process_time(),
        "exams": sum(clock.exams),
        "losses": [step["loss"] for step in clock.steps],
        "tokens": [step["num_tokens"] for step in clock.steps],
    }
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()

"""A job's process that trains nothing: it says its steps at a pace, as a script in its folder asks.

Started as the real one is, with the same journal, pulse, lock and exit codes.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from flywheel.errors import BadOption
from flywheel.files import lock_file
from flywheel.jobs.process import Control, Emit, work

SCRIPT = "script.json"


def loss(step: int) -> float:
    """What a step's loss is, whenever it is done."""
    return 1 / step + 0.01 * math.sin(step)


def take_alone(folder: Path) -> None:
    """Lock what the queue gave this job for itself. Raises AssertionError when another has it."""
    entry = folder.parent / "queue" / f"{folder.name}.json"
    needed: dict[str, int] = json.loads(entry.read_text())["resources"] if entry.exists() else {}
    for name in (name for name, limit in needed.items() if limit == 1):
        assert lock_file(folder.parent / f"{name}.alone") is not None, f"{name} is in use"


def train(folder: Path, tell: Emit, control: Control) -> None:
    """Do the steps from the last checkpoint on."""
    script: dict[str, Any] = json.loads((folder.parent / SCRIPT).read_text())
    take_alone(folder)
    saved = folder / "checkpoints"
    saved.mkdir(exist_ok=True)
    begun = max((int(path.name.partition("-")[2]) for path in saved.iterdir()), default=0)
    tell("started", {"resumed_from": begun or None})
    for step in range(begun + 1, script["steps"] + 1):
        time.sleep(script.get("seconds", 0.01))
        if step == script.get("fails_at") and not begun:
            raise BadOption("the script says so")
        if step == script.get("hangs_at") and not begun:
            time.sleep(600)
        if step == script.get("seized_at") and not begun:
            ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock
        tell("step", {"step": step, "loss": loss(step), "seconds": 0.01})
        word = control()
        if word == "pause" or step % script.get("every", 5) == 0:
            (saved / f"step-{step:06d}").mkdir(exist_ok=True)
            tell("checkpoint", {"step": step, "path": f"checkpoints/step-{step:06d}"})
        if word != "go":
            tell("paused" if word == "pause" else "cancelled", {"step": step})
            return
    exam = {"grader": {"mean": 0.5, "n": 4, "ungraded": 0}}
    tell("exam", {"step": script["steps"], "graders": exam})
    tell("finished", {"out": str(folder / "out"), "best_step": script["steps"], "seconds": 1.0})


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), train, int(sys.argv[2]) if len(sys.argv) > 2 else None))

"""Jobs for tests: an order, a scripted process, and what became of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel.evals.evalset.evalset import load_evalset
from flywheel.jobs.follow import follow
from flywheel.jobs.kind import Kind
from flywheel.jobs.queue import Resources
from flywheel.jobs.records.journal import Event, read_events
from flywheel.jobs.submit import Job, Launch, submit
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.orders.numbers import Numbers
from flywheel.levers.training.orders.order import Order, digests_of, load_order
from tests.jobs.scripted import SCRIPT

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, str(Path(__file__).with_name("scripted.py")))


def kind(command: Sequence[str] = COMMAND) -> Kind:
    """Trainings by the scripted process, or by another."""
    return Kind("training", command, load_order)


KINDS = {"training": kind()}


def launch(
    stall: float | None = 60.0, niceness: int = 0, resources: Resources | None = None
) -> Launch:
    """How the process runs: it gives up after a minute."""
    return Launch(stall=stall, niceness=niceness, resources=resources)


def order(data: Path | None = None, steps: int = 20) -> Order:
    """An order that holds; the scripted process does not read it."""
    config = SFT(evalset="ticket_triage", data=data)
    numbers = Numbers(
        epochs=1,
        steps=steps,
        batch_size=1,
        learning_rate=0.001,
        warmup=0,
        max_length=64,
        eval_interval=10,
        save_interval=5,
    )
    return Order(
        config=config,
        numbers=numbers,
        digests=digests_of(config, load_evalset("ticket_triage")),
        rows=10,
    )


def begin(root: Path, how: Launch | None = None, steps: int = 20, **script: Any) -> Job:
    """A job that does what the script says."""
    root.mkdir(parents=True, exist_ok=True)
    (root / SCRIPT).write_text(json.dumps({"steps": steps, **script}))
    return submit(root, kind(), order(steps=steps), how or launch())


def end(
    folder: Path, process: subprocess.Popen[bytes] | None = None, stall: float | None = 60.0
) -> list[Event]:
    """Everything that a job said, once it is at rest."""
    return [event for events in follow(folder, stall, process) for event in events]


def wait_for(folder: Path, steps: int) -> None:
    """Wait until a job has done so many steps."""
    for events in follow(folder, None):
        if any(event.detail.get("step", 0) >= steps for event in events):
            return
    raise AssertionError(list(read_events(folder))[-1])


def small_evalset(folder: Path, train: int = 24, dev: int = 8) -> Path:
    """The first tickets of ticket_triage, as an evalset of their own."""
    whole = load_evalset("ticket_triage").folder
    folder.mkdir(parents=True)
    shutil.copy(whole / "evalset.yaml", folder)
    for split, count in (("train", train), ("dev", dev), ("test", 10)):
        lines = (whole / f"{split}.jsonl").read_text().splitlines(keepends=True)[:count]
        (folder / f"{split}.jsonl").write_text("".join(lines))
    return folder

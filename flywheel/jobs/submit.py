"""Submit a job: create its folder and order, queue it, and start its process.

The process has its own session, so that ctrl-C, a closed terminal or the end of its parent do not
stop it. It inherits the folder's lock: a submitted job never looks dead, and two processes never
work in one folder. A job whose resources are in use waits for them in its process.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from flywheel.errors import WrongMoment
from flywheel.jobs.folder import CONTROL, HEARTBEAT, LOG, new_name
from flywheel.jobs.kind import Kind, Kinds, Order, kind_of
from flywheel.jobs.outcomes import ALREADY, FOR_GOOD
from flywheel.jobs.process import STALL_SECONDS
from flywheel.jobs.queue import Resources, join
from flywheel.jobs.records.journal import last_event, record, take_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a job's process runs.

    It is stopped after `stall` idle seconds; None disables this. A `niceness` up to 19 gives other
    processes priority. `resources` are by default those of its kind; a job that needs none starts
    immediately.
    """

    stall: float | None = 600.0
    niceness: int = 0
    resources: Resources | None = None


class Job(NamedTuple):
    """A job that was submitted here, and its process, which works or waits for resources."""

    folder: Path
    process: subprocess.Popen[bytes]


def submit(root: Path, kind: Kind, order: Order, launch: Launch) -> Job:
    """Create a job of this kind from an order. It starts as soon as its resources are free."""
    folder = root / new_name()
    folder.mkdir(parents=True)
    descriptor = take_lock(folder)
    assert descriptor is not None, "a new folder is nobody else's"
    try:
        record(folder, "accepted", {"work": kind.name, "order": order.digest})
        order.save(folder)
        return _begin(folder, kind, launch, descriptor)
    finally:
        os.close(descriptor)


def resume(folder: Path, kinds: Kinds, launch: Launch) -> Job:
    """Resume a job from its last checkpoint, or from the beginning if it has none.

    Raises WrongMoment if it is running or cannot be resumed, UnknownKind, and the error of
    `check_unchanged` if something that the order depends on has changed.
    """
    kind = kind_of(folder, kinds)
    order = kind.load(folder)
    descriptor = take_lock(folder)
    if descriptor is None:
        raise WrongMoment(
            f"{folder.name} is already running or queued; follow it with: flywheel job"
            f" {folder.name} --follow"
        )
    try:
        last, _ = last_event(folder)
        if last is not None and last.kind in FOR_GOOD:
            raise WrongMoment(
                f"{folder.name} {ALREADY[last.kind]}, so it cannot be resumed; start a new job"
            )
        order.check_unchanged()
        return _begin(folder, kind, launch, descriptor)
    finally:
        os.close(descriptor)


def _begin(folder: Path, kind: Kind, launch: Launch, descriptor: int) -> Job:
    # The command and the heartbeat of the previous process are outdated.
    for name in (CONTROL, HEARTBEAT):
        (folder / name).unlink(missing_ok=True)
    needed = kind.resources() if launch.resources is None else launch.resources
    if ahead := join(folder, needed):
        record(folder, "queued", {"behind": ahead, "resources": needed})
    nice = ("nice", "-n", str(launch.niceness)) if launch.niceness else ()
    more = {STALL_SECONDS: str(launch.stall)} if launch.stall else {}
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [*nice, *kind.command, str(folder), str(descriptor)],
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(descriptor,),
        )
    return Job(folder, process)

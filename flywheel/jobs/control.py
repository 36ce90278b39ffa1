"""Pause, cancel or kill a job from any process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from flywheel.errors import WrongMoment
from flywheel.files import write_whole
from flywheel.jobs.folder import CONTROL
from flywheel.jobs.outcomes import ALREADY, ENDS, FOR_GOOD, kill
from flywheel.jobs.records.journal import holder, is_held, last_event, record, take_lock


def ask(folder: Path, word: Literal["pause", "cancel"]) -> None:
    """Ask a job to pause or to cancel; it obeys between two steps.

    A queued job obeys within a second; a job without a process is cancelled immediately. Raises
    WrongMoment for a pause of a job without a process, and for a job that cannot be resumed.
    """
    descriptor = take_lock(folder) if word == "cancel" or not is_held(folder) else None
    if descriptor is None:
        # Atomic, because the job may be reading the file.
        write_whole(folder / CONTROL, word + "\n")
        return
    try:
        last, _ = last_event(folder)
        state = last.kind if last and last.kind in ENDS else "died"
        if word == "pause" or state in FOR_GOOD:
            raise WrongMoment(f"{folder.name} {ALREADY[state]}")
        record(folder, "cancelled", {"told": f"it was not running ({state})"})
    finally:
        os.close(descriptor)


def kill_job(folder: Path) -> None:
    """Kill a job's process. A resume repeats what it did since its last checkpoint."""
    pid = holder(folder)
    if pid is not None:
        kill(pid)

"""How jobs end: the events that other processes write for a job whose process cannot.

A job's own process writes finished, failed, paused and cancelled. For a killed process the next
reader, which finds the lock free, writes `died`, or `stalled` if the job had made no progress.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from flywheel.jobs.folder import LOG, STACKS, resume_command
from flywheel.jobs.records.journal import holder, is_held, last_event, record, take_lock
from flywheel.states import JOB_STATES, State

_UNDER_WAY = (State.QUEUED, State.RUNNING)
ENDS = tuple(kind for kind, state in JOB_STATES.items() if state not in _UNDER_WAY)
ALREADY = {
    "finished": "has already finished",
    "cancelled": "has already been cancelled",
    "paused": "is already paused",
    "failed": "has already failed",
    "stalled": "has stalled, and was stopped",
    "died": "is not running: its process is gone",
}
FOR_GOOD = tuple(kind for kind in ENDS if JOB_STATES[kind].is_final)
_STACKS_SECONDS = 2.0
_DEATH_SECONDS = 30.0


def settle(folder: Path, returncode: int | None = None) -> None:
    """Write the final event of a job whose process ended without one. Ignores other jobs.

    `returncode` is that of the process, if known; a negative one is the signal that killed it. A
    job whose files cannot be read or written is left unchanged.
    """
    with suppress(OSError):
        _settle(folder, returncode)


def _settle(folder: Path, returncode: int | None) -> None:
    if is_held(folder) or (descriptor := take_lock(folder)) is None:
        return
    try:
        last, _ = last_event(folder)
        if last is not None and last.kind in ENDS:
            return
        kind, error = "died", _death(folder, returncode)
        if _gave_up(folder):
            kind, error = "stalled", f"no progress for too long; see {folder / STACKS}"
        _end(folder, kind, error)
    finally:
        os.close(descriptor)


def end_stalled(folder: Path, seconds: float, pid: int | None = None) -> None:
    """Kill a job that made no progress for this long, after it wrote its stacks.

    Its checkpoints are complete, so it can be resumed. Does nothing if its process is unknown.
    """
    pid = holder(folder) or pid
    if pid is None:
        return
    state = _state(pid)
    where = f"see {folder / STACKS}" if _dump_stacks(folder, pid) else "it wrote no stacks"
    if state == "T":
        where = "it was suspended (SIGSTOP)"
    kill(pid)
    deadline = time.monotonic() + _DEATH_SECONDS
    while (descriptor := take_lock(folder)) is None:
        if time.monotonic() > deadline:
            return
    try:
        _end(folder, "stalled", f"no progress for {seconds:.0f} s; {where}")
    finally:
        os.close(descriptor)


def _end(folder: Path, kind: str, error: str) -> None:
    """Write the final event of a job whose lock is held here, unless it has one."""
    last, _ = last_event(folder)
    if last is None or last.kind not in ENDS:
        record(folder, kind, {"error": error, "remedy": resume_command(folder)})


def kill(pid: int) -> None:
    """Kill a job's process and its children. It may have ended already."""
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _death(folder: Path, returncode: int | None) -> str:
    last, _ = last_event(folder)
    if last is None or last.kind == "accepted":
        return f"its process never started to work; see {folder / LOG}"
    when = " while it was queued" if last.kind == "queued" else ""
    if returncode == -signal.SIGKILL:
        return f"its process was killed (signal 9){when}: by a user, or because memory ran out"
    if returncode is not None and returncode < 0:
        name = signal.Signals(-returncode).name
        return f"its process was killed by {name}{when}; see {folder / LOG}"
    return f"its process is gone{when}: killed, or out of memory; see {folder / LOG}"


def _gave_up(folder: Path) -> bool:
    """Whether the process ended itself after its last event, because it made no progress."""
    stacks, events = folder / STACKS, folder / "events.jsonl"
    try:
        if stacks.stat().st_mtime < events.stat().st_mtime:
            return False
        return "Timeout (" in stacks.read_text(encoding="utf-8", errors="replace")[-200_000:]
    except FileNotFoundError:
        return False


def _dump_stacks(folder: Path, pid: int) -> bool:
    """Ask the process for its stacks, and wait briefly until it has written them."""
    path = folder / STACKS
    before = path.stat().st_size if path.exists() else 0
    try:
        os.kill(pid, signal.SIGUSR1)
    except ProcessLookupError:
        return False
    deadline = time.monotonic() + _STACKS_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if path.exists() and path.stat().st_size > before:
            return True
    return False


def _state(pid: int) -> str:
    """The state letter of a process in Linux, T for stopped; empty if unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]

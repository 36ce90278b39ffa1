"""The queue of the jobs below one root: which of them wait, and which hold a resource.

A job needs resources, each with the number of jobs that may hold it at once: {"gpu:0": 1}. It
claims all of them together, after every earlier job that waits for one of them. Each job's process
waits by itself, so the queue has no process of its own.

A claim is a file beside the jobs' folders, valid as long as the job's process holds the lock of its
folder. The kernel keeps that lock while the machine sleeps or the clock is set back, and drops it
however the process ends, so a claim cannot expire too early or last too long. Writing an entry
requires the queue's own lock, so two processes never claim the same resource.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from flywheel.errors import FlywheelError
from flywheel.files import lock_file, open_regular, write_whole
from flywheel.jobs.records.journal import is_held

Resources = Mapping[str, int]

_QUEUE, _LOCK, _SUFFIX = "queue", "lock", ".json"
_LOOK_SECONDS = 5.0
_PATIENCE = 10.0  # seconds; the lock is normally held for milliseconds


class QueueLocked(FlywheelError):
    """Another process holds the lock of the queue for too long."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job in the queue, in order of `ticket`; `claimed` if it holds all its resources."""

    job: str
    ticket: Annotated[int, Field(strict=True)]
    resources: dict[str, Annotated[int, Field(strict=True, gt=0)]]
    claimed: bool = False


_ENTRY = TypeAdapter(Entry)


def join(folder: Path, resources: Resources, patience: float = _PATIENCE) -> list[str]:
    """Queue the job of a folder whose lock the caller holds, and claim its resources if possible.

    Returns the jobs that it waits for, none if it has its resources. A job that needs no resources
    is not queued. Raises QueueLocked if the queue stays locked for `patience` seconds.
    """
    if not resources:
        _path(folder).unlink(missing_ok=True)
        return []
    with _locked(folder.parent, patience) as locked:
        if not locked:
            raise QueueLocked(
                f"{folder.parent / _QUEUE / _LOCK} is held by another process for more than"
                f" {patience:g} s; find it with `fuser`, let it continue, and try again"
            )
        others = _others(folder, tidy=True)
        ticket = 1 + max((other.ticket for other in others), default=0)
        entry = Entry(folder.name, ticket, dict(resources))
        _write(folder, entry)
        return _claim(folder, entry, others)


def is_queued(folder: Path) -> bool:
    """Whether the job of a folder waits in the queue. Assumes that its process lives."""
    entry = _read(_path(folder))
    return entry is not None and not entry.claimed


class Turn:
    """A queued job's wait for its turn.

    It reads the whole queue when the job directly ahead has ended, and every few seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ahead: Path | None = None
        self._due = 0.0

    def try_claim(self) -> bool:
        """Claim the job's resources if they are free. Returns whether it has them."""
        if self._ahead and is_held(self._ahead) and time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + _LOOK_SECONDS
        ahead = claim(self._folder)
        self._ahead = self._folder.parent / ahead[0] if ahead else None
        return ahead is not None and not ahead


def claim(folder: Path) -> list[str] | None:
    """Claim the resources of this process's job; returns the jobs that are still ahead of it.

    None if the queue is locked at the moment. A job that needs no resources has no job ahead.
    """
    with _locked(folder.parent) as locked:
        if not locked:
            return None
        entry = _read(_path(folder))
        return [] if entry is None else _claim(folder, entry, _others(folder, tidy=True))


def jobs_ahead(folder: Path) -> list[str]:
    """The jobs that a queued job waits for."""
    entry = _read(_path(folder))
    if entry is None or entry.claimed:
        return []
    return _in_the_way(entry, _others(folder))


def _claim(folder: Path, entry: Entry, others: Sequence[Entry]) -> list[str]:
    ahead = _in_the_way(entry, others)
    if not ahead and not entry.claimed:
        _write(folder, replace(entry, claimed=True))
    return ahead


def _write(folder: Path, entry: Entry) -> None:
    # Not flushed: a power cut ends the process too, and the entry with it.
    write_whole(_path(folder), json.dumps(asdict(entry)) + "\n", durable=False)


def _in_the_way(entry: Entry, others: Sequence[Entry]) -> list[str]:
    """The jobs that prevent this one from claiming its resources, oldest first."""
    holders = [other for other in others if other.claimed]
    held = Counter(name for holder in holders for name in holder.resources)
    ahead: set[str] = set()
    for name, limit in entry.resources.items():
        sharing = [other for other in others if name in other.resources]
        # A job that holds a resource exclusively cannot be joined by one that would share it.
        most = min([limit, *(one.resources[name] for one in sharing if one.claimed)])
        if held[name] >= most:
            ahead |= {one.job for one in sharing if one.claimed}
        ahead |= {o.job for o in sharing if not o.claimed and o.ticket < entry.ticket}
    return [other.job for other in others if other.job in ahead]


def _others(folder: Path, *, tidy: bool = False) -> list[Entry]:
    """The entries of the other jobs whose processes live, oldest first.

    `tidy` removes the other entries; it needs the queue's lock.
    """
    living: list[Entry] = []
    for place in (folder.parent / _QUEUE).glob(f"*{_SUFFIX}"):
        if place.stem == folder.name:
            continue
        if not is_held(folder.parent / place.stem):
            if tidy:
                place.unlink(missing_ok=True)
        elif entry := _read(place):
            living.append(entry)
    return sorted(living, key=lambda one: (one.ticket, one.job))


def _path(folder: Path) -> Path:
    return folder.parent / _QUEUE / (folder.name + _SUFFIX)


def _read(path: Path) -> Entry | None:
    """An entry; None if its file is missing or damaged."""
    try:
        with open_regular(path) as file:
            return replace(_ENTRY.validate_json(file.read()), job=path.stem)
    except (OSError, ValueError):
        return None


@contextmanager
def _locked(root: Path, patience: float = 0.0) -> Generator[bool]:
    """Take the queue's lock; yields whether it was free within this time in seconds."""
    place = root / _QUEUE
    place.mkdir(exist_ok=True)
    deadline = time.monotonic() + patience
    while (descriptor := lock_file(place / _LOCK)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)

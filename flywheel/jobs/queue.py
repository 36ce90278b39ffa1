"""The queue of the jobs below one root: which of them wait, and which hold a resource.

A job needs resources, each with the number of jobs that may hold it at once: {"gpu:0": 1}. It
claims all of them together, after every earlier job that waits for one of them. Its process
waits for that by itself, so the queue needs no process of its own.

A claim is an entry beside the jobs' folders that counts as long as the job's process holds the
lock of its folder. The kernel keeps that lock while the machine sleeps or the clock is set back,
and drops it however the process ends: a claim cannot run out too early or last too long. Entries
are only written by who holds the queue's own lock, so two processes never claim one resource.
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
_PATIENCE = 10.0  # seconds; others hold the lock for milliseconds


class QueueLocked(FlywheelError):
    """Another process holds the lock of the queue, and does not let go of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One job's place: jobs of a lower `ticket` came earlier. `claimed` once it holds them all."""

    job: str
    ticket: Annotated[int, Field(strict=True)]
    resources: dict[str, Annotated[int, Field(strict=True, gt=0)]]
    claimed: bool = False


_ENTRY = TypeAdapter(Entry)


def join(folder: Path, resources: Resources, patience: float = _PATIENCE) -> list[str]:
    """Queue the job of a folder, whose lock the caller holds, and claim what it needs if possible.

    Returns the jobs that it waits for: none when it holds its resources. A job that needs nothing
    is in no queue. Raises QueueLocked when the queue is locked for `patience` seconds.
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
    """Whether the job of a folder waits in the queue, if its process lives."""
    entry = _read(_path(folder))
    return entry is not None and not entry.claimed


class Turn:
    """A queued job's wait for its turn.

    It looks at the whole queue when the job right ahead of it has ended, and every few seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ahead: Path | None = None
        self._due = 0.0

    def has_come(self) -> bool:
        """Claim what the job needs, where that is possible now."""
        if self._ahead and is_held(self._ahead) and time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + _LOOK_SECONDS
        ahead = claim(self._folder)
        self._ahead = self._folder.parent / ahead[0] if ahead else None
        return ahead is not None and not ahead


def claim(folder: Path) -> list[str] | None:
    """Claim what the job of this process needs; returns the jobs that are still ahead of it.

    None when the queue is locked at the moment. A job that needs nothing has nobody ahead.
    """
    with _locked(folder.parent) as locked:
        if not locked:
            return None
        entry = _read(_path(folder))
        return [] if entry is None else _claim(folder, entry, _others(folder, tidy=True))


def jobs_ahead(folder: Path) -> list[str]:
    """The jobs that a queued job waits for now; none when it waits for nothing."""
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
    # A power cut ends the process too, so that an entry never has to outlast one.
    write_whole(_path(folder), json.dumps(asdict(entry)) + "\n", durable=False)


def _in_the_way(entry: Entry, others: Sequence[Entry]) -> list[str]:
    """The jobs because of which this one cannot claim its resources, in the order they came."""
    holders = [other for other in others if other.claimed]
    held = Counter(name for holder in holders for name in holder.resources)
    ahead: set[str] = set()
    for name, limit in entry.resources.items():
        sharing = [other for other in others if name in other.resources]
        # Who holds it alone is not joined by one that would share it.
        most = min([limit, *(one.resources[name] for one in sharing if one.claimed)])
        if held[name] >= most:
            ahead |= {one.job for one in sharing if one.claimed}
        ahead |= {o.job for o in sharing if not o.claimed and o.ticket < entry.ticket}
    return [other.job for other in others if other.job in ahead]


def _others(folder: Path, *, tidy: bool = False) -> list[Entry]:
    """The entries of the other jobs whose processes live, in the order they came.

    To `tidy` removes the rest, for who holds the queue's lock.
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
    """An entry, None where there is none or where its file was damaged."""
    try:
        with open_regular(path) as file:
            return replace(_ENTRY.validate_json(file.read()), job=path.stem)
    except (OSError, ValueError):
        return None


@contextmanager
def _locked(root: Path, patience: float = 0.0) -> Generator[bool]:
    """The queue's lock, and whether it was free within so many seconds."""
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

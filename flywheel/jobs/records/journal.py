"""The journal of a job: one event per line, and the lock that its process holds while it lives.

`events.jsonl` is the source of truth about a job; the store has a copy. An event is on disk before
`append` returns. The kernel releases the lock (flock) however its holder ends, so a process that
can take it is the only writer. Over NFS, flock may hold within one machine only.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from flywheel.files import NotRegular, append_regular, is_at, lock_file, open_regular

EVENTS = "events.jsonl"
LOCK = "lock"
_PATIENCE = 1.0  # seconds; another process may be checking whether the lock is held
_BLOCK = 2**16
_MOST_EVENTS = 2**53


class Event(NamedTuple):
    """One line: its number from 1, its time (ISO, UTC), its kind and its detail."""

    n: int
    at: str
    kind: str
    detail: Mapping[str, Any]

    @property
    def moment(self) -> datetime:
        """`at` as UTC without a zone; 1970 if it cannot be parsed."""
        try:
            return datetime.fromisoformat(self.at).astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return datetime(1970, 1, 1)


class Journal:
    """Appends events. Only for the process that holds the folder's lock; its threads may share it.

    An incomplete last line, which a kill may have left, was never reported and is cut off.
    """

    def __init__(self, folder: Path) -> None:
        self._file = append_regular(folder / EVENTS)
        last, end = last_event(folder)
        self._file.truncate(end)
        self._n = last.n if last else 0
        self._lock = threading.Lock()

    def append(self, kind: str, detail: Mapping[str, Any]) -> Event:
        """Write one event; it is on disk when this returns. NaN and infinity become null."""
        with self._lock:
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            event = Event(self._n + 1, now, kind, _finite(detail))
            line = json.dumps(
                {"n": event.n, "at": event.at, "kind": kind, **event.detail}, default=str
            )
            self._file.write(line.encode("utf-8", "replace") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._n = event.n
            return event

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def record(folder: Path, kind: str, detail: Mapping[str, Any]) -> None:
    """Write one event into a folder whose lock is held here."""
    journal = Journal(folder)
    try:
        journal.append(kind, detail)
    finally:
        journal.close()


def read_line(line: bytes) -> Event | None:
    """The event on a line; None if it is damaged, for example by a power cut."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    rest = cast("dict[str, Any]", value)
    n = rest.pop("n", None)
    # The store would refuse a number that no journal reaches, each time the job is read.
    if type(n) is not int or not 0 < n <= _MOST_EVENTS or "at" not in rest or "kind" not in rest:
        return None
    return Event(n, str(rest.pop("at")), str(rest.pop("kind")), rest)


def read_events(folder: Path) -> Iterator[Event]:
    """Every event so far, in order. A damaged line is skipped and leaves a gap in the numbers.

    An incomplete last line is not read.
    """
    try:
        with open_regular(folder / EVENTS) as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                event = read_line(line)
                if event is not None:
                    yield event
    except (FileNotFoundError, NotRegular):
        return


def last_event(folder: Path) -> tuple[Event | None, int]:
    """The last complete event, and the offset at which it ends. Reads from the end of the file."""
    try:
        with open_regular(folder / EVENTS) as file:
            size = at = file.seek(0, os.SEEK_END)
            held = b""
            while at:
                step = min(at, max(_BLOCK, len(held)))
                at -= step
                file.seek(at)
                held = file.read(step) + held
                end = size
                lines = held.splitlines(keepends=True)
                # The first line begins in this block only if the block is the file's first.
                for line in reversed(lines[1:] if at else lines):
                    event = read_line(line) if line.endswith(b"\n") else None
                    if event is not None:
                        return event, end
                    end -= len(line)
    except (FileNotFoundError, NotRegular):
        pass
    return None, 0


def take_lock(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock, None when a living process holds it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = lock_file(folder / LOCK)
        if descriptor is not None or time.monotonic() > deadline:
            return descriptor
        time.sleep(0.02)


def write_holder(descriptor: int) -> None:
    """Write the process's id into the lock's file."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def holds_lock(folder: Path, descriptor: int) -> bool:
    """Whether this descriptor locks the folder; False after the folder was moved or removed."""
    return is_at(folder / LOCK, descriptor)


def is_held(folder: Path) -> bool:
    """Whether a living process holds the folder's lock."""
    try:
        descriptor = lock_file(folder / LOCK, shared=True)
    except FileNotFoundError:
        return False
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def holder(folder: Path) -> int | None:
    """The process that holds the lock; None if none does, or its id is not written yet."""
    if not is_held(folder):
        return None
    text = (folder / LOCK).read_text(encoding="ascii", errors="replace")
    return int(text) if text.isdigit() else None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        fields = cast("Mapping[Any, Any]", value)
        return {str(key): _finite(inner) for key, inner in fields.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_finite(inner) for inner in cast("Sequence[Any]", value)]
    return value

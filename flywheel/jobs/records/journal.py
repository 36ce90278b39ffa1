"""The journal of a job: what its process says, a line an event, and the lock that says it lives.

`events.jsonl` is the truth about a job; the store is told from it. An event is on disk before
`tell` returns. The lock is the system's (flock) and dies with its holder, however that ends: who
can take it knows that nobody else writes here. Over NFS, flock may hold within one machine only.
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
_PATIENCE = 1.0  # seconds; somebody may just be looking whether the lock is held
_BLOCK = 2**16
_MOST_EVENTS = 2**53


class Event(NamedTuple):
    """One line: its number from 1, when it was said (ISO, UTC), what kind it is, what it tells."""

    n: int
    at: str
    kind: str
    detail: Mapping[str, Any]

    @property
    def moment(self) -> datetime:
        """`at` as UTC without a zone; 1970 where it cannot be read."""
        try:
            return datetime.fromisoformat(self.at).astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return datetime(1970, 1, 1)


class Journal:
    """Appends events. For the one process that holds the folder's lock; its threads may share it.

    A half-written last line, which a kill may have left, was told to nobody and is cut off.
    """

    def __init__(self, folder: Path) -> None:
        self._file = append_regular(folder / EVENTS)
        last, end = last_event(folder)
        self._file.truncate(end)
        self._n = last.n if last else 0
        self._lock = threading.Lock()

    def tell(self, kind: str, detail: Mapping[str, Any]) -> Event:
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
        """Let go of the file."""
        self._file.close()


def record(folder: Path, kind: str, detail: Mapping[str, Any]) -> None:
    """Write one event into a folder whose lock is held here."""
    journal = Journal(folder)
    try:
        journal.tell(kind, detail)
    finally:
        journal.close()


def read_line(line: bytes) -> Event | None:
    """The event on a line, None when it holds none: a power cut can leave anything."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    rest = cast("dict[str, Any]", told)
    n = rest.pop("n", None)
    # A number that no journal reaches would be told to the store, which refuses it for ever.
    if type(n) is not int or not 0 < n <= _MOST_EVENTS or "at" not in rest or "kind" not in rest:
        return None
    return Event(n, str(rest.pop("at")), str(rest.pop("kind")), rest)


def read_events(folder: Path) -> Iterator[Event]:
    """Every event so far, in order. A damaged line is skipped: only its own event is lost.

    A gap in the numbers shows where. A line that is not yet whole ends the reading.
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
    """The last whole event, and where in the file it ends. Reads from the end."""
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
                # The first line begins in this block only when the block is the file's first.
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
    """Say in the lock's file which process holds it."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def holds_lock(folder: Path, descriptor: int) -> bool:
    """Whether this descriptor's lock is the folder's: not when the folder was moved or removed."""
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
    """The process that holds the lock, None when none does, or when it has not yet said so."""
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

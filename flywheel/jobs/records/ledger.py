"""Tells the store of jobs, from what their folders say.

The store has one owner at a time, and a job may run for days. So whoever follows a job opens the
store for a moment, every few seconds, and leaves it to others in between; when another process has
it, the events wait in their file. Nothing is told twice, whoever tells: events go on from the last
one that the store has.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from flywheel.errors import BadFile
from flywheel.jobs.folder import read_row
from flywheel.jobs.records.event_shape import fits
from flywheel.jobs.records.journal import Event, last_event, read_events
from flywheel.store.errors import BadRow, StoreFailed, StoreInUse
from flywheel.store.store import Store, open_store
from flywheel.store.tables.jobs import CheckpointRow, JobEventRow, last_events

_BATCH = 500
_EVERY_SECONDS = 10.0


class Ledger:
    """Brings one job's events into its store while it is followed."""

    def __init__(self, db: Path, folder: Path) -> None:
        self._db, self._folder = db, folder
        self._had_store = db.exists()
        self._next = time.monotonic()

    def keep(self, *, now: bool = False) -> bool:
        """Tell the store what is new, if it is time and nobody else has it. Says if all is told.

        Raises StoreFailed for a store that is gone: none is made in its place.
        """
        if not now and time.monotonic() < self._next:
            return False
        if self._had_store and not self._db.exists():
            raise StoreFailed(f"{self._db} is gone; {self._folder} holds the job's events")
        try:
            with open_store(self._db) as store:
                tell_store(store, [self._folder])
            return True
        except StoreInUse:
            return False
        finally:
            self._next = time.monotonic() + _EVERY_SECONDS


def tell_store(store: Store, folders: Iterable[Path]) -> None:
    """Write down what the store does not know of these jobs yet, but for unreadable ones."""
    known = last_events(store)
    for folder in folders:
        # It is shown as damaged; the other jobs are stored all the same.
        with suppress(BadFile, BadRow, OSError):
            _tell(store, folder, known.get(folder.name, 0))


def _tell(store: Store, folder: Path, told: int) -> None:
    last, _ = last_event(folder)
    if last is None or last.n <= told:
        return
    if not told:
        store.write(f"{folder.name}/accepted", {"jobs": [read_row(folder)]})
    new = (event for event in read_events(folder) if event.n > told)
    while events := list(islice(new, _BATCH)):
        _write(store, folder.name, events)


def _write(store: Store, job: str, events: Sequence[Event]) -> None:
    tables: dict[str, Sequence[tuple[Any, ...]]] = {
        "job_events": [
            JobEventRow(job, e.n, e.moment, e.kind, json.dumps(e.detail)) for e in events
        ],
        "checkpoints": [_checkpoint(job, e) for e in events if e.kind == "checkpoint" and fits(e)],
    }
    store.write(f"{job}/events/{events[0].n}-{events[-1].n}", tables)


def _checkpoint(job: str, event: Event) -> CheckpointRow:
    detail = event.detail
    digest = detail.get("digest")
    return CheckpointRow(
        job=job,
        n=event.n,
        step=detail["step"],
        path=str(detail.get("path", "")),
        digest=None if digest is None else str(digest),
        metrics=json.dumps(detail.get("metrics") or {}),
    )

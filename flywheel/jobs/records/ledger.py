"""Copies the events of jobs from their folders into the store.

The store has one owner at a time, and a job may run for days. So a follower opens the store briefly
every few seconds, and leaves it to others in between; while another process owns it, the events
wait in their file. Copying continues after the last event in the store, so no event is stored
twice.
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
    """Copies one job's events into its store while the job is followed."""

    def __init__(self, db: Path, folder: Path) -> None:
        self._db, self._folder = db, folder
        self._had_store = db.exists()
        self._next = time.monotonic()

    def keep(self, *, now: bool = False) -> bool:
        """Store new events, at most every few seconds. Returns whether the store has all of them.

        Does nothing while another process owns the store. Raises StoreFailed if the store's file
        is gone; it is not created again.
        """
        if not now and time.monotonic() < self._next:
            return False
        if self._had_store and not self._db.exists():
            raise StoreFailed(f"{self._db} is gone; {self._folder} holds the job's events")
        try:
            with open_store(self._db) as store:
                update_store(store, [self._folder])
            return True
        except StoreInUse:
            return False
        finally:
            self._next = time.monotonic() + _EVERY_SECONDS


def update_store(store: Store, folders: Iterable[Path]) -> None:
    """Store the events of these jobs that the store does not have. Skips unreadable jobs."""
    known = last_events(store)
    for folder in folders:
        # A damaged job must not keep the others from being stored.
        with suppress(BadFile, BadRow, OSError):
            _store_new(store, folder, known.get(folder.name, 0))


def _store_new(store: Store, folder: Path, stored: int) -> None:
    last, _ = last_event(folder)
    if last is None or last.n <= stored:
        return
    if not stored:
        store.write(f"{folder.name}/accepted", {"jobs": [read_row(folder)]})
    new = (event for event in read_events(folder) if event.n > stored)
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

"""job_events: what a job said of itself, in its own order. `n` counts from 1 within a job.

A job that goes on from a checkpoint says the steps after it again: of two events of one step the
later one, by `n`, is what holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class JobEventRow(NamedTuple):
    """One event. `detail` is JSON: what this kind of event tells, with its step if it has one."""

    job: str
    n: int
    at: datetime
    kind: str
    detail: str


JOB_EVENTS = Table("job_events", JobEventRow, key=("job", "n"))


def last_events(store: Reader) -> dict[str, int]:
    """The number of the last event that the store has of each job."""
    rows = store.query('SELECT "job", max("n") AS "n" FROM "job_events" GROUP BY "job"')
    return {str(row["job"]): int(row["n"]) for row in rows}


def job_events(store: Reader, job: str) -> list[JobEventRow]:
    """Every event of a job, in its order."""
    rows: list[dict[str, Any]] = store.query(
        f'SELECT {JOB_EVENTS.quoted} FROM "job_events" WHERE "job" = ? ORDER BY "n"', [job]
    )
    return [JobEventRow(**row) for row in rows]

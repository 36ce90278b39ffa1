"""jobs: what was accepted to run longer than a request. A row is written once, at the beginning.

What becomes of a job is in `job_events`, what it kept on its way in `checkpoints`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class JobRow(NamedTuple):
    """One job. `order` is JSON, everything that it will do; `baseline` is the run to beat.

    `model` is the base, as it was named; `folder` is where the job's process writes.
    """

    job: str
    created: datetime
    lever: str
    evalset: str
    model: str
    order: str
    folder: str
    baseline: str | None


JOBS = Table("jobs", JobRow, key=("job",))


def list_jobs(store: Reader) -> list[JobRow]:
    """Every job, the newest first."""
    rows = store.query(f'SELECT {JOBS.quoted} FROM "jobs" ORDER BY "created" DESC, "job" DESC')
    return [JobRow(**row) for row in rows]

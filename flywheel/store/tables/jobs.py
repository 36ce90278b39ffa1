"""jobs, job_events and checkpoints: work that runs longer than a request.

A row of jobs is written once, at the start. `n` numbers the events of a job from 1. A job that
resumes from a checkpoint reports the steps after it again: of two events of one step, the one with
the larger `n` counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class JobRow(NamedTuple):
    """One job. `order` is JSON with everything that it will do; `baseline` is the run to beat.

    `model` is the name of the base model; the job's process writes into `folder`.
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
    return store.rows(JobRow, f'{JOBS.select} ORDER BY "created" DESC, "job" DESC')


class JobEventRow(NamedTuple):
    """One event. `detail` is JSON, with the step if it has one."""

    job: str
    n: int
    at: datetime
    kind: str
    detail: str


JOB_EVENTS = Table("job_events", JobEventRow, key=("job", "n"))


def last_events(store: Reader) -> dict[str, int]:
    """The number of the last stored event of each job."""
    return dict(store.tuples('SELECT "job", max("n") FROM "job_events" GROUP BY "job"'))


def job_events(store: Reader, job: str) -> list[JobEventRow]:
    """Every event of a job, in order."""
    return store.rows(JobEventRow, f'{JOB_EVENTS.select} WHERE "job" = ? ORDER BY "n"', [job])


def newest_events(store: Reader, jobs: Sequence[str]) -> list[JobEventRow]:
    """The events of these jobs, by job: only the last step, and no scores of single items."""
    return store.rows(
        JobEventRow,
        f"""
        {JOB_EVENTS.select}
        WHERE list_contains($jobs, "job") AND "kind" NOT IN ('exam_items', 'masks')
        QUALIFY "kind" <> 'step'
            OR row_number() OVER (PARTITION BY "job", "kind" ORDER BY "n" DESC) = 1
        ORDER BY "job", "n"
        """,
        {"jobs": list(jobs)},
    )


class CheckpointRow(NamedTuple):
    """One checkpoint, reported by event `n` of its job. `metrics` is JSON.

    The folder at `path` may be gone: a job keeps only a few. A resumed job may repeat a step.
    """

    job: str
    n: int
    step: int
    path: str
    digest: str | None
    metrics: str


CHECKPOINTS = Table("checkpoints", CheckpointRow, key=("job", "n"))

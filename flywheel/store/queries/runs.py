"""Runs beside each other: earlier ones of the same making, time at work, what was promoted."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RUNS, RunRow


class MadeOf(NamedTuple):
    """What keeps a run's answers from standing for those of another, by digest."""

    run: str
    model: str
    prompt: str
    sampling: str
    split: str
    repeats: int


def has_earlier(store: Reader, run: str, *, model: str, prompt: str, sampling: str) -> bool:
    """Whether a run other than this one was made of the same (digests)."""
    rows = store.query(
        'SELECT 1 FROM "runs" WHERE "model_digest" = ? AND "prompt_digest" = ?'
        ' AND "sampling_digest" = ? AND "run" <> ? LIMIT 1',
        [model, prompt, sampling, run],
    )
    return bool(rows)


def runs_of(store: Reader, evalset: str) -> list[MadeOf]:
    """The runs that sampled this evalset, the newest first."""
    rows = store.query(
        'SELECT "run", "model_digest" AS "model", "prompt_digest" AS "prompt",'
        ' "sampling_digest" AS "sampling", "split_digest" AS "split", "repeats"'
        ' FROM "runs" WHERE "evalset" = ? AND "kind" <> \'regrade\' ORDER BY "created" DESC',
        [evalset],
    )
    return [MadeOf(**row) for row in rows]


def on_dev(store: Reader, run: RunRow) -> list[RunRow]:
    """The runs of the same model, prompt, sampling and graders on dev, the newest first."""
    rows = store.query(
        f"""
        SELECT {RUNS.quoted} FROM "runs" WHERE "evalset_digest" = ? AND "model_digest" = ?
            AND "prompt_digest" = ? AND "sampling_digest" = ? AND "graders" = ?
            AND "split" = 'dev' AND "kind" <> 'regrade' ORDER BY "created" DESC
        """,
        [run.evalset_digest, run.model_digest, run.prompt_digest, run.sampling_digest, run.graders],
    )
    return [RunRow(**row) for row in rows]


def was_promoted(store: Reader, baseline: str, candidate: str) -> bool:
    """Whether this candidate took the place of this baseline."""
    rows = store.query(
        'SELECT 1 FROM "promotions" WHERE "baseline" = ? AND "candidate" = ? LIMIT 1',
        [baseline, candidate],
    )
    return bool(rows)


def has_batch(store: Reader, batch: str) -> bool:
    """Whether a batch of this id was written."""
    return bool(store.query('SELECT 1 FROM "batches" WHERE "batch" = ?', [batch]))


def run_seconds(store: Reader, run: str) -> float:
    """The time at work: from each start to the next event, pauses between resumes left out."""
    (found,) = store.query(
        """
        SELECT coalesce(sum(epoch("next" - "created")), 0) AS "seconds" FROM (
            SELECT "status", "created", lead("created") OVER (ORDER BY "created") AS "next"
            FROM "run_events" WHERE "run" = ?
        ) WHERE "status" = 'started'
        """,
        [run],
    )
    return float(found["seconds"])

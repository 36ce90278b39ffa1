"""runs and run_events: the setup of each run, and its progress.

A row of runs is written once, when the run starts, and has the digests of the run's definitions.
The newest event is the run's status.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table

Status = Literal["started", "interrupted", "finished", "failed"]


class RunEventRow(NamedTuple):
    """One event. `status` is one of `Status`, `detail` a text for people."""

    run: str
    created: datetime
    status: str
    detail: str | None


RUN_EVENTS = Table("run_events", RunEventRow, key=("run", "status", "created"))

# The newest event of each run; the one written last if two have the same time.
LATEST = """
SELECT "run", "status", "detail", "created" FROM "run_events"
QUALIFY row_number() OVER (PARTITION BY "run" ORDER BY "created" DESC, rowid DESC) = 1
"""


def run_status(store: Reader, run: str) -> str | None:
    """The status of a run, None if it has no event."""
    return store.value(f'SELECT "status" FROM ({LATEST}) WHERE "run" = ?', [run])


Kind = Literal["eval", "baseline", "regrade", "import"]


class RunRow(NamedTuple):
    """One run. `kind` is one of `Kind`; the `parent` of a regrade holds its samples.

    `evalset` and `model` are names for people, `sampling` is JSON, `graders` a JSON list of
    [name, digest], `version` the version of the code. `judge_digest` and `embedder_digest` are of
    the models that its graders ask, `owner_key` identifies the service's key that owns it. `tags`
    is the JSON list of the item fields to slice by; None means those of the definition.
    """

    run: str
    created: datetime
    kind: str
    parent: str | None
    evalset: str
    evalset_digest: str
    split: str
    split_digest: str
    model: str
    model_digest: str
    prompt_digest: str
    sampling: str
    sampling_digest: str
    repeats: int
    items: int
    graders: str
    primary_grader: str
    version: str
    note: str | None
    judge_digest: str | None = None
    embedder_digest: str | None = None
    owner_key: str | None = None
    tags: str | None = None

    @property
    def sampled(self) -> str:
        """The run that holds the samples: for a regrade, its parent."""
        return self.parent if self.kind == "regrade" and self.parent else self.run


RUNS = Table("runs", RunRow, key=("run",))


def find_run(store: Reader, run: str) -> RunRow | None:
    """The run of this name."""
    return store.first(RunRow, f'{RUNS.select} WHERE "run" = ?', [run])


def runs_named(store: Reader, begun: str, most: int = 6) -> list[str]:
    """The names of the runs with this prefix, the newest first."""
    return store.values(
        'SELECT "run" FROM "runs" WHERE $begun <> \'\' AND starts_with("run", $begun)'
        ' ORDER BY "created" DESC, "run" DESC LIMIT $most',
        {"begun": begun, "most": most},
    )


def newest_names(store: Reader, most: int = 1000) -> list[str]:
    """The names of the newest runs."""
    sql = 'SELECT "run" FROM "runs" ORDER BY "created" DESC, "run" DESC LIMIT ?'
    return store.values(sql, [most])


def nth_newest(store: Reader, back: int) -> RunRow | None:
    """The run with this index in the order from newest to oldest; 0 is the newest."""
    newest = f'{RUNS.select} ORDER BY "created" DESC, "run" DESC'
    return store.first(RunRow, f"{newest} LIMIT 1 OFFSET ?", [back])


def list_runs(store: Reader, most: int = 50, evalset: str | None = None) -> list[dict[str, Any]]:
    """The newest runs first: the run's columns and `status`, `samples`, `errors`, `done`.

    `samples` counts pairs of item and repeat with any sample, `errors` those with only failed
    ones; `done` is the share of the plan with an answer. A regrade counts its parent's.
    """
    return store.query(
        f"""
        WITH "chosen" AS (
            SELECT *, CASE "kind" WHEN 'regrade' THEN "parent" ELSE "run" END AS "sampled"
            FROM "runs" WHERE $evalset IS NULL OR "evalset" = $evalset
            ORDER BY "created" DESC, "run" DESC LIMIT $most
        ), "pairs" AS (
            SELECT "run", bool_or("error" IS NULL) AS "answered" FROM "samples"
            WHERE "run" IN (SELECT "sampled" FROM "chosen") GROUP BY "run", "item", "repeat"
        ), "counts" AS (
            SELECT "run" AS "sampled", count(*) AS "samples",
                count(*) FILTER (NOT "answered") AS "errors",
                count(*) FILTER ("answered") AS "answers"
            FROM "pairs" GROUP BY "run"
        )
        SELECT {", ".join(f'"chosen"."{column.name}"' for column in RUNS.columns)},
            "latest"."status" AS "status",
            coalesce("samples", 0) AS "samples", coalesce("errors", 0) AS "errors",
            coalesce("answers", 0) / greatest("items" * "repeats", 1) AS "done"
        FROM "chosen" LEFT JOIN "counts" USING ("sampled")
        LEFT JOIN ({LATEST}) AS "latest" ON "latest"."run" = "chosen"."run"
        ORDER BY "chosen"."created" DESC, "chosen"."run" DESC
        """,
        {"evalset": evalset, "most": most},
    )


class MadeOf(NamedTuple):
    """The digests that must be equal for one run to reuse another's answers."""

    run: str
    model: str
    prompt: str
    sampling: str
    split: str
    repeats: int


def has_earlier(store: Reader, run: str, *, model: str, prompt: str, sampling: str) -> bool:
    """Whether a run other than this one has the same digests."""
    sql = (
        'SELECT 1 FROM "runs" WHERE "model_digest" = ? AND "prompt_digest" = ?'
        ' AND "sampling_digest" = ? AND "run" <> ? LIMIT 1'
    )
    return bool(store.query(sql, [model, prompt, sampling, run]))


def runs_of(store: Reader, evalset: str) -> list[MadeOf]:
    """The runs that sampled this evalset, the newest first."""
    return store.rows(
        MadeOf,
        'SELECT "run", "model_digest" AS "model", "prompt_digest" AS "prompt",'
        ' "sampling_digest" AS "sampling", "split_digest" AS "split", "repeats"'
        ' FROM "runs" WHERE "evalset" = ? AND "kind" <> \'regrade\' ORDER BY "created" DESC',
        [evalset],
    )


def on_dev(store: Reader, run: RunRow) -> list[RunRow]:
    """The runs of the same model, prompt, sampling and graders on dev, the newest first."""
    return store.rows(
        RunRow,
        f"""
        {RUNS.select} WHERE "evalset_digest" = ? AND "model_digest" = ?
            AND "prompt_digest" = ? AND "sampling_digest" = ? AND "graders" = ?
            AND "split" = 'dev' AND "kind" <> 'regrade' ORDER BY "created" DESC
        """,
        [run.evalset_digest, run.model_digest, run.prompt_digest, run.sampling_digest, run.graders],
    )


def measured_alike(store: Reader, run: RunRow) -> list[str]:
    """The runs that sampled the same model with the same prompt and parameters, this one too.

    What another harness calls one model may be several: an imported run is alone.
    """
    return store.values(
        """
        SELECT "run" FROM "runs" WHERE "model_digest" = ? AND "prompt_digest" = ?
            AND "sampling_digest" = ? AND "kind" IN ('eval', 'baseline')
        """,
        [run.model_digest, run.prompt_digest, run.sampling_digest],
    ) or [run.sampled]


def run_seconds(store: Reader, run: str) -> float:
    """The working time: from each start to the next event, without pauses between resumes.

    The time of an active or killed run ends with its newest sample or score.
    """
    sql = 'SELECT "status", "created" FROM "run_events" WHERE "run" = ? ORDER BY "created"'
    events: list[tuple[str, datetime]] = [*store.tuples(sql, [run]), ("", datetime.max)]
    seconds = 0.0
    for (status, begun), (then, end) in pairwise(events):
        if status == "started":
            stopped = _newest_row(store, run, end) if then in ("started", "") else end
            seconds += max(0.0, (stopped - begun).total_seconds()) if stopped else 0.0
    return seconds


def _newest_row(store: Reader, run: str, before: datetime) -> datetime | None:
    """When the newest sample or score before a moment was written."""
    return store.value(
        """
        SELECT max("created") FROM (
            SELECT "created" FROM "samples" WHERE "run" = $run
            UNION ALL SELECT "created" FROM "scores" WHERE "run" = $run
        ) WHERE "created" < $before::TIMESTAMP
        """,
        # A text, because another process may ask the owner of the store, in JSON.
        {"run": run, "before": before.isoformat()},
    )

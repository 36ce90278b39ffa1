"""scores: every verdict of a grader on a sample: a score, or the reason why there is none.

An ungraded verdict has no score and says why in `error_kind`. It stays out of every mean and is
counted. A sample that was ungraded may be graded later in the same run: the score then stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from flywheel.store.errors import wrong_data
from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class ScoreRow(NamedTuple):
    """One verdict. `item` and `grader` are digests, `position` is where the item stands in its
    split; `parts` is JSON: the scores of a multi's parts.

    Either `score` or `error_kind` is given. `parsed` tells a wrong answer from one that could not
    be read. `usage` (tokens by judge model) and `judge_reply` (a list of replies) are JSON, None
    where no judge answered.
    """

    run: str
    item: str
    position: int
    repeat: int
    grader: str
    name: str
    score: float | None
    passed: bool | None
    parsed: bool | None
    reason: str
    error_kind: str | None
    error_label: str | None
    error_detail: str | None
    parts: str | None
    created: datetime
    usage: str | None = None
    judge_reply: str | None = None


SCORES = Table(
    "scores", ScoreRow, key=("run", "item", "repeat", "grader"), either=("score", "error_kind")
)


@dataclass(frozen=True, slots=True)
class GraderSummary:
    """What a grader said of a run. `mean` and `sd` are over `items` item means, None without any.

    `n` samples: `graded` ones, and `ungraded` ones by kind. `passed` and `unparsed` are among the
    graded. The `sd` of one item is None.
    """

    grader: str
    name: str
    n: int
    graded: int
    passed: int
    unparsed: int
    items: int
    mean: float | None
    sd: float | None
    ungraded: dict[str, int]


def summarise(store: Reader, run: str) -> list[GraderSummary]:
    """One summary for each grader of a run, by name. Repeats are averaged within their item."""
    kinds = _ungraded(store, run)
    found: list[GraderSummary] = []
    for grader, name in _graders(store, run):
        # One grader at a time: then a group is told by eight bytes, and a million fit anywhere.
        (row,) = store.query(
            """
            WITH "per_item" AS (
                SELECT count(*) AS "n", count("score") AS "graded", avg("score") AS "mean",
                    count(*) FILTER ("passed") AS "passed",
                    count(*) FILTER (NOT "parsed") AS "unparsed"
                FROM newest_scores($run) WHERE "grader" = $grader GROUP BY "position"
            )
            SELECT sum("n")::BIGINT AS "n", sum("graded")::BIGINT AS "graded",
                sum("passed")::BIGINT AS "passed", sum("unparsed")::BIGINT AS "unparsed",
                count("mean") AS "items", avg("mean") AS "mean", stddev_samp("mean") AS "sd"
            FROM "per_item"
            """,
            {"run": run, "grader": grader},
        )
        if not math.isfinite(row["mean"] or 0.0):
            raise wrong_data(store.path, f"scores of run {run} are NaN or infinite")
        found.append(GraderSummary(grader, name, **row, ungraded=kinds.get(grader, {})))
    return found


def _graders(store: Reader, run: str) -> list[tuple[str, str]]:
    """The graders that gave verdicts in a run: digest and name."""
    rows = store.query(
        """
        SELECT "grader", any_value("name") AS "name" FROM "scores" WHERE "run" = ?
        GROUP BY "grader" ORDER BY "name", "grader"
        """,
        [run],
    )
    return [(row["grader"], row["name"]) for row in rows]


def _ungraded(store: Reader, run: str) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = {}
    for row in store.query(
        """
        SELECT "grader", "error_kind", count(*) AS "n" FROM newest_scores($run)
        WHERE "score" IS NULL GROUP BY "grader", "error_kind" ORDER BY "error_kind"
        """,
        {"run": run},
    ):
        kinds.setdefault(row["grader"], {})[row["error_kind"]] = row["n"]
    return kinds

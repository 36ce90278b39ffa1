"""scores: every verdict of a grader on a sample: a score, or the reason why there is none.

An ungraded verdict has no score, and its reason in `error_kind`. It is excluded from every mean and
counted. An ungraded sample may be graded later in the same run: then the score counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from flywheel.store.errors import wrong_data
from flywheel.store.execute import execute
from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table
from flywheel.store.tables.samples import MOST_TEXTS, SAMPLES, SampleRow

_BATCH = 256
# Without clusters the items table, which is most of a store, is not read.
_ITEM_MEANS = """
SELECT avg("score") AS "mean" FROM "scores"
WHERE "run" = $run AND "grader" = $grader AND "score" IS NOT NULL GROUP BY "position"
"""
_CLUSTERED_MEANS = """
SELECT avg(s."score") AS "mean", any_value(json_extract_string(i."item", $group)) AS "cluster"
FROM "scores" AS s JOIN "items" AS i ON i."digest" = s."item"
WHERE s."run" = $run AND s."grader" = $grader AND s."score" IS NOT NULL GROUP BY s."position"
"""
_SIDE = """
SELECT "name", "item", min("position") AS "position", avg("score") AS "mean",
    avg("passed"::INT) AS "passed", count(*) AS "n", count("score") AS "graded"
FROM newest_scores(${side}) GROUP BY "name", "item"
"""
_PAIRS = f"""
WITH "a" AS ({_SIDE.format(side="a")}), "b" AS ({_SIDE.format(side="b")})
SELECT coalesce(a."name", b."name") AS "name", coalesce(a."item", b."item") AS "item",
    a."mean" AS "a_mean", b."mean" AS "b_mean", a."passed" AS "a_passed", b."passed" AS "b_passed",
    coalesce(a."n", 0) AS "a_n", coalesce(b."n", 0) AS "b_n",
    coalesce(a."graded", 0) AS "a_graded", coalesce(b."graded", 0) AS "b_graded"
FROM "a" FULL JOIN "b" ON a."name" = b."name" AND a."item" = b."item"
ORDER BY "name", coalesce(a."position", b."position"), "item"
"""
# The answers of a regrade's parent without a score of this grader.
_LEFT = """
FROM "samples" AS s JOIN "items" AS i ON i."digest" = s."item"
WHERE s."run" = $parent AND s."error" IS NULL AND NOT EXISTS (
    FROM "scores" AS g WHERE g."run" = $run AND g."grader" = $grader AND g."score" IS NOT NULL
        AND g."position" = s."position" AND g."repeat" = s."repeat"
)
"""


class ScoreRow(NamedTuple):
    """One verdict. `item` and `grader` are digests, `position` is the item's index in its split;
    `parts` is JSON: the scores of a multi's parts.

    Either `score` or `error_kind` is set. `parsed` is False for an answer that the grader could not
    parse. `usage` (tokens by judge model) and `judge_reply` (a list of replies) are JSON, None
    without a reply of a judge.
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
    """A grader's results on a run. `mean` and `sd` are over `items` item means, None without any.

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


class ItemVerdict(NamedTuple):
    """A grader's verdict on one answer."""

    item: str
    repeat: int
    score: float | None
    reason: str
    error_kind: str | None
    error_detail: str | None


class WorstAnswer(NamedTuple):
    """An answer with its score, and the name of its item."""

    id: str
    score: float
    reason: str
    output: str


class LeftToGrade(NamedTuple):
    """Selects the missing verdicts of a regrade: its run, its parent, and one of its graders."""

    run: str
    parent: str | None
    grader: str


def summarise(store: Reader, run: str) -> list[GraderSummary]:
    """One summary per grader of a run, by name. Repeats are averaged within their item."""
    summaries: list[GraderSummary] = []
    graders = _graders(store, run)
    kinds = _ungraded(store, run) if any(failed for *_, failed in graders) else {}
    for grader, name, failed in graders:
        # If every verdict is a score, there are no earlier failures to exclude.
        source = "newest_scores($run)" if failed else '(FROM "scores" WHERE "run" = $run)'
        # One grader at a time: a group then takes eight bytes, and a million groups fit in memory.
        (row,) = store.query(
            f"""
            WITH "per_item" AS (
                SELECT count(*) AS "n", count("score") AS "graded", avg("score") AS "mean",
                    count(*) FILTER ("passed") AS "passed",
                    count(*) FILTER (NOT "parsed") AS "unparsed"
                FROM {source} WHERE "grader" = $grader GROUP BY "position"
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
        summaries.append(GraderSummary(grader, name, **row, ungraded=kinds.get(grader, {})))
    return summaries


def _graders(store: Reader, run: str) -> list[tuple[str, str, int]]:
    """The graders that gave verdicts in a run: digest, name, and how many verdicts failed."""
    return store.tuples(
        """
        SELECT "grader", any_value("name") AS "name", count("error_kind") AS "failed"
        FROM "scores" WHERE "run" = ?
        GROUP BY "grader" ORDER BY "name", "grader"
        """,
        [run],
    )


def _ungraded(store: Reader, run: str) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = {}
    for grader, kind, count in store.tuples(
        """
        SELECT "grader", "error_kind", count(*) FROM newest_scores($run)
        WHERE "score" IS NULL GROUP BY "grader", "error_kind" ORDER BY "error_kind"
        """,
        {"run": run},
    ):
        kinds.setdefault(grader, {})[kind] = count
    return kinds


def item_means(
    store: Reader, run: str, grader: str, group: str | None
) -> tuple[Any, list[Any] | None]:
    """The mean score of each item by one grader, as an array, and the cluster of each.

    `group` is the JSON path of an item's cluster, None if items have no clusters.
    """
    params = {"run": run, "grader": grader}
    if group is None:
        return store.columns(_ITEM_MEANS, params)["mean"], None
    found = store.columns(_CLUSTERED_MEANS, {**params, "group": group})
    return found["mean"], found["cluster"].tolist()


def paired_means(store: Reader, one: str, other: str) -> dict[str, Any]:
    """Arrays over the items of two runs, by grader: `name`, `item` and, for `a` and `b` each, the
    mean score, the share that passed, and how many answers there are and were graded."""
    return store.columns(_PAIRS, {"a": one, "b": other})


def tag_means(store: Reader, run: str, grader: str, path: str | None) -> list[tuple[str, float]]:
    """For each item the text at a JSON path and its mean score; items without it are left out."""
    return store.tuples(
        """
        SELECT any_value(json_extract_string(i."item", $path)) AS "value",
            avg(s."score") AS "mean"
        FROM "scores" AS s JOIN "items" AS i ON i."digest" = s."item"
        WHERE s."run" = $run AND s."name" = $grader AND s."score" IS NOT NULL
        GROUP BY s."item" HAVING "value" IS NOT NULL ORDER BY "value"
        """,
        {"run": run, "grader": grader, "path": path},
    )


def worst_answers(
    store: Reader, run: str, sampled: str, grader: str, most: int
) -> list[WorstAnswer]:
    """The answers with the lowest scores, in the order of the split."""
    return store.rows(
        WorstAnswer,
        """
        SELECT i."id" AS "id", s."score" AS "score", s."reason" AS "reason",
            a."output_text" AS "output"
        FROM "scores" AS s
        JOIN "items" AS i ON i."digest" = s."item"
        JOIN "samples" AS a ON a."run" = ? AND a."item" = s."item" AND a."repeat" = s."repeat"
            AND a."error" IS NULL
        WHERE s."run" = ? AND s."name" = ? AND s."score" IS NOT NULL
        ORDER BY s."score", i."position", s."repeat" LIMIT ?
        """,
        [sampled, run, grader, most],
    )


def first_reasons(
    store: Reader, run: str, sampled: str, grader: str, items: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """The answer of repeat 0 to each of these items, and the grader's reason."""
    rows = store.tuples(
        """
        SELECT a."item", a."output_text", s."reason"
        FROM "samples" AS a JOIN "scores" AS s
            ON s."item" = a."item" AND s."repeat" = a."repeat" AND s."run" = $run
        WHERE a."run" = $sampled AND a."error" IS NULL AND a."repeat" = 0
            AND s."name" = $grader AND s."score" IS NOT NULL AND list_contains($items, a."item")
        """,
        {"run": run, "sampled": sampled, "grader": grader, "items": list(items)},
    )
    return {item: (output, reason) for item, output, reason in rows}


def item_verdicts(store: Reader, run: str, grader: str, items: Sequence[str]) -> list[ItemVerdict]:
    """The verdicts of the grader of this name on the answers to these items."""
    return store.rows(
        ItemVerdict,
        """
        SELECT "item", "repeat", "score", "reason", "error_kind", "error_detail"
        FROM newest_scores($run) WHERE "name" = $grader AND list_contains($items, "item")
        """,
        {"run": run, "grader": grader, "items": list(items)},
    )


def count_ungraded(store: Reader, run: str, grader: str) -> list[tuple[str, int]]:
    """The reasons why answers have no verdict of a grader, with the number of each."""
    return store.tuples(
        f"""
        SELECT coalesce("error_detail", "error_kind") AS "text", count(*) AS "count"
        FROM newest_scores($run) WHERE "score" IS NULL AND "name" = $grader
        GROUP BY 1 ORDER BY "count" DESC, "text" LIMIT {MOST_TEXTS}
        """,
        {"run": run, "grader": grader},
    )


def count_left_to_grade(store: Reader, left: LeftToGrade) -> int:
    """How many answers have no score yet."""
    return store.value(f"SELECT count(*) {_LEFT}", left._asdict())


def left_to_grade(store: Reader, left: LeftToGrade) -> Iterator[list[tuple[SampleRow, str]]]:
    """The answers without a score, in batches, with their items as JSON, in order."""
    columns = ", ".join(f's."{column.name}"' for column in SAMPLES.columns)
    sql = f'SELECT {columns}, i."item" {_LEFT} ORDER BY s."position", s."repeat"'
    with store.cursor() as cursor:
        execute(cursor, sql, left._asdict())
        while rows := cursor.fetchmany(_BATCH):
            yield [(SampleRow(*found[:-1]), found[-1]) for found in rows]

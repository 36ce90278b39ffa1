"""Verdicts of a run: means by item, pairs of two runs, slices, and single ones with their texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from flywheel.store.execute import execute
from flywheel.store.queries.answers import MOST_TEXTS
from flywheel.store.reader import Reader
from flywheel.store.tables.samples import SAMPLES, SampleRow

_BATCH = 256
# Without clusters the items themselves are not read: a million of them are the most of a store.
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
# The answers of a regrade's parent that this grader has given no score yet.
_LEFT = """
FROM "samples" AS s JOIN "items" AS i ON i."digest" = s."item"
WHERE s."run" = $parent AND s."error" IS NULL AND NOT EXISTS (
    FROM "scores" AS g WHERE g."run" = $run AND g."grader" = $grader AND g."score" IS NOT NULL
        AND g."position" = s."position" AND g."repeat" = s."repeat"
)
"""


class ItemVerdict(NamedTuple):
    """What a grader said of one answer."""

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
    """Which verdicts of a regrade are missing: its run, its parent, and one of its graders."""

    run: str
    parent: str | None
    grader: str


def item_means(
    store: Reader, run: str, grader: str, group: str | None
) -> tuple[Any, list[Any] | None]:
    """The mean score of each item by one grader, as an array, and the cluster of each.

    `group` is the JSON path of an item's cluster, None where items have none.
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
    rows = store.query(
        """
        SELECT any_value(json_extract_string(i."item", $path)) AS "value",
            avg(s."score") AS "mean"
        FROM "scores" AS s JOIN "items" AS i ON i."digest" = s."item"
        WHERE s."run" = $run AND s."name" = $grader AND s."score" IS NOT NULL
        GROUP BY s."item" HAVING "value" IS NOT NULL ORDER BY "value"
        """,
        {"run": run, "grader": grader, "path": path},
    )
    return [(row["value"], row["mean"]) for row in rows]


def worst_answers(
    store: Reader, run: str, sampled: str, grader: str, most: int
) -> list[WorstAnswer]:
    """The answers with the lowest scores, in the order of the split."""
    rows = store.query(
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
    return [WorstAnswer(**row) for row in rows]


def first_reasons(
    store: Reader, run: str, sampled: str, grader: str, items: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """The answer of repeat 0 to each of these items, and the grader's reason."""
    rows = store.query(
        """
        SELECT a."item" AS "item", a."output_text" AS "output", s."reason" AS "reason"
        FROM "samples" AS a JOIN "scores" AS s
            ON s."item" = a."item" AND s."repeat" = a."repeat" AND s."run" = $run
        WHERE a."run" = $sampled AND a."error" IS NULL AND a."repeat" = 0
            AND s."name" = $grader AND s."score" IS NOT NULL AND list_contains($items, a."item")
        """,
        {"run": run, "sampled": sampled, "grader": grader, "items": list(items)},
    )
    return {row["item"]: (row["output"], row["reason"]) for row in rows}


def item_verdicts(store: Reader, run: str, grader: str, items: Sequence[str]) -> list[ItemVerdict]:
    """What a grader of this name said of the answers to these items."""
    rows = store.query(
        """
        SELECT "item", "repeat", "score", "reason", "error_kind", "error_detail"
        FROM newest_scores($run) WHERE "name" = $grader AND list_contains($items, "item")
        """,
        {"run": run, "grader": grader, "items": list(items)},
    )
    return [ItemVerdict(**row) for row in rows]


def count_ungraded(store: Reader, run: str, grader: str) -> list[tuple[str, int]]:
    """Why answers have no verdict of a grader, with how many have none for it."""
    rows = store.query(
        f"""
        SELECT coalesce("error_detail", "error_kind") AS "text", count(*) AS "count"
        FROM newest_scores($run) WHERE "score" IS NULL AND "name" = $grader
        GROUP BY 1 ORDER BY "count" DESC, "text" LIMIT {MOST_TEXTS}
        """,
        {"run": run, "grader": grader},
    )
    return [(str(row["text"]), int(row["count"])) for row in rows]


def count_left_to_grade(store: Reader, left: LeftToGrade) -> int:
    """How many answers have no score yet."""
    return int(store.query(f'SELECT count(*) AS "n" {_LEFT}', left._asdict())[0]["n"])


def left_to_grade(store: Reader, left: LeftToGrade) -> Iterator[list[tuple[SampleRow, str]]]:
    """The answers without a score, some hundred at a time, with their items as JSON, in order."""
    columns = ", ".join(f's."{column.name}"' for column in SAMPLES.columns)
    sql = f'SELECT {columns}, i."item" {_LEFT} ORDER BY s."position", s."repeat"'
    with store.cursor() as cursor:
        execute(cursor, sql, left._asdict())
        while rows := cursor.fetchmany(_BATCH):
            yield [(SampleRow(*found[:-1]), found[-1]) for found in rows]

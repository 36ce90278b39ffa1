"""Drill down: where a run is weak. Slices by tag, and the items with the lowest scores."""

from __future__ import annotations

from typing import Any, NamedTuple

from flywheel.stats.intervals import mean_interval
from flywheel.store.reader import Reader
from flywheel.store.runs import RunRow

_SHOWN = 300


class Slice(NamedTuple):
    """The items that share a tag, by the primary grader."""

    tag: str
    n: int
    mean: float
    low: float | None
    high: float | None


class WorstItem(NamedTuple):
    """An item with a low score, its reason and what the model gave."""

    id: str
    score: float
    reason: str
    output: str


def slices(store: Reader, run: RunRow) -> list[Slice]:
    """Every tag with its mean, by name. Intervals are each their own: look at many, trust few."""
    table = store.arrow(
        """
        WITH "means" AS (
            SELECT "item", avg("score") AS "mean" FROM "scores"
            WHERE "run" = ? AND "name" = ? AND "score" IS NOT NULL GROUP BY "item"
        )
        SELECT unnest(from_json(i."tags", '["VARCHAR"]')) AS "tag", "mean"
        FROM "means" JOIN "items" AS i ON i."digest" = "means"."item" ORDER BY "tag"
        """,
        [run.run, run.primary_grader],
    )
    by_tag: dict[str, list[float]] = {}
    tags: list[str] = table["tag"].to_pylist()
    means: list[float] = table["mean"].to_pylist()
    for tag, mean in zip(tags, means, strict=True):
        by_tag.setdefault(tag, []).append(mean)
    found: list[Slice] = []
    for tag, values in by_tag.items():
        interval = mean_interval(values)
        if interval:
            found.append(Slice(tag, len(values), *interval))
    return found


def worst_items(store: Reader, run: RunRow, most: int) -> list[WorstItem]:
    """The items with the lowest scores of the primary grader, in the order of the split."""
    sampled = run.parent if run.kind == "regrade" and run.parent else run.run
    rows: list[dict[str, Any]] = store.query(
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
        [sampled, run.run, run.primary_grader, most],
    )
    return [
        WorstItem(r["id"], r["score"], r["reason"][:_SHOWN], r["output"][:_SHOWN]) for r in rows
    ]

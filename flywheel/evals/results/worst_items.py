"""Drill down: where a run is weak. Slices by tag, and the items with the lowest scores."""

from __future__ import annotations

from typing import Any, NamedTuple

from flywheel.evals.results.results import definition_of, field_path
from flywheel.stats.intervals import mean_interval
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow

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
    by_tag: dict[str, list[float]] = {}
    for field in definition_of(store, run).get("tags", ()):
        rows = store.query(
            """
            SELECT any_value(json_extract_string(i."item", $path)) AS "value",
                avg(s."score") AS "mean"
            FROM "scores" AS s JOIN "items" AS i ON i."digest" = s."item"
            WHERE s."run" = $run AND s."name" = $grader AND s."score" IS NOT NULL
            GROUP BY s."item" HAVING "value" IS NOT NULL ORDER BY "value"
            """,
            {"run": run.run, "grader": run.primary_grader, "path": field_path(field)},
        )
        for row in rows:
            by_tag.setdefault(f"{field}={row['value']}", []).append(row["mean"])
    found: list[Slice] = []
    for tag, values in by_tag.items():
        interval = mean_interval(values)
        if interval:
            found.append(Slice(tag, len(values), *interval))
    return found


def worst_items(store: Reader, run: RunRow, most: int) -> list[WorstItem]:
    """The items with the lowest scores of the primary grader, in the order of the split."""
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
        [run.sampled, run.run, run.primary_grader, most],
    )
    return [
        WorstItem(r["id"], r["score"], r["reason"][:_SHOWN], r["output"][:_SHOWN]) for r in rows
    ]

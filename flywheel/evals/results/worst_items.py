"""The weak points of a run: slices by tag, and the items with the lowest scores."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.evals.grading.score_ranges import score_range
from flywheel.evals.results.results import field_path, tags_of
from flywheel.stats.intervals import mean_interval
from flywheel.store.reader import Reader
from flywheel.store.rows.values import pairs_of
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.scores import tag_means, worst_answers

_SHOWN = 300


class Slice(NamedTuple):
    """The primary grader's mean over the items with a tag."""

    tag: str
    n: int
    mean: float
    low: float | None
    high: float | None


class WorstItem(NamedTuple):
    """An item with a low score, the grader's reason and the model's answer."""

    id: str
    score: float
    reason: str
    output: str


def slices(store: Reader, run: RunRow) -> list[Slice]:
    """Every tag with its mean, by name. Intervals are not corrected for multiple comparisons."""
    by_tag: dict[str, list[float]] = {}
    for field in tags_of(store, run):
        path = field_path(field)
        for value, mean in tag_means(store, run.run, run.primary_grader, path):
            by_tag.setdefault(f"{field}={value}", []).append(mean)
    range_ = score_range(store, dict(pairs_of(run.graders)).get(run.primary_grader, ""))
    found: list[Slice] = []
    for tag, values in by_tag.items():
        interval = mean_interval(values, range_=range_)
        if interval:
            found.append(Slice(tag, len(values), *interval))
    return found


def worst_items(store: Reader, run: RunRow, most: int) -> list[WorstItem]:
    """The items with the lowest scores of the primary grader, in the order of the split."""
    rows = worst_answers(store, run.run, run.sampled, run.primary_grader, most)
    return [WorstItem(row.id, row.score, row.reason[:_SHOWN], row.output[:_SHOWN]) for row in rows]

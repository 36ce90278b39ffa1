"""A comparison as plain rows: what the page of two runs shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flywheel.evals.decision.finding import finding_of
from flywheel.review.rows import GraderLine, Mean, SliceLine

if TYPE_CHECKING:
    from flywheel.evals.decision.compare import Candidate, GraderComparison
    from flywheel.evals.decision.pairs import Pairs


def grader_lines(candidate: Candidate) -> list[GraderLine]:
    """One line a grader, the primary one first. All figures are over the items in both runs."""
    lines = [_line(found) for found in candidate.graders.values()]
    return sorted(lines, key=lambda line: line.role != "primary")


def slice_lines(candidate: Candidate) -> list[SliceLine]:
    """One line a slice, the largest differences first."""
    lines = [
        SliceLine(
            part.tag,
            part.paired.n,
            part.paired.difference,
            part.paired.low,
            part.paired.high,
            part.adjusted,
        )
        for part in candidate.slices
    ]
    return sorted(lines, key=lambda line: -abs(line.difference))


def changed(pairs: Pairs, which: str) -> list[str]:
    """The items that passed in one run only: the fixed ones, or the broken ones."""
    was, now = pairs.was_passed >= 0.5, pairs.is_passed >= 0.5
    keep = ~was & now if which == "fixed" else was & ~now
    return [item for item, kept in zip(pairs.items, keep.tolist(), strict=True) if kept]


def _line(found: GraderComparison) -> GraderLine:
    pairs, difference = found.pairs, found.paired
    before, after = pairs.sides
    return GraderLine(
        grader=found.grader,
        role=found.role,
        baseline=_mean(pairs.baseline, pairs.clusters),
        candidate=_mean(pairs.candidate, pairs.clusters),
        difference=difference and Mean(difference.difference, difference.low, difference.high),
        finding=finding_of(found),
        p=difference and difference.p,
        n=difference.n if difference else 0,
        fixed=found.fixed,
        broken=found.broken,
        mde=found.mde,
        ungraded=(before.ungraded, after.ungraded),
    )


def _mean(values: Any, clusters: Any) -> Mean | None:
    from flywheel.stats.intervals import mean_interval

    found = mean_interval(values, clusters)
    return found and Mean(*found)

"""Conclude: what a comparison allows one to say, and what it does not, in plain sentences."""

from __future__ import annotations

from flywheel.evals.decision.compare import (
    Candidate,
    Comparison,
    GraderComparison,
    design_of,
    reach_of,
)
from flywheel.evals.decision.decide import counted, p_of, points, there_are
from flywheel.evals.decision.finding import finding_of
from flywheel.evals.floors.floors import NEAR_ZERO
from flywheel.stats.power import items_needed

_NOTED_UNGRADED = 0.02


def conclude(comparison: Comparison, candidate: Candidate) -> list[str]:
    """Sentences about one candidate, the verdict of the primary grader first."""
    primary = candidate.primary
    if primary is None or primary.paired is None:
        return ["Nothing can be concluded: no item has a score in both runs."]
    many = len(comparison.candidates)
    said = [_verdict(primary, many)]
    if not _is_shown(primary):
        said.append(_too_few(primary))
    said += describe_floor(candidate)
    said += comparison.unfinished
    said += _fallen(candidate)
    said += _gaps(primary, bool(comparison.unfinished))
    if comparison.baseline.split != "test":
        said.append(
            f"Measured on {comparison.baseline.split}: where a lever or a person chose by these"
            " scores, expect less on test."
        )
    return said


def _verdict(found: GraderComparison, many: int) -> str:
    paired, p = found.paired, found.adjusted
    assert paired is not None
    if p is None or paired.low is None or paired.high is None:
        return f"{found.grader}: {counted(paired.n, 'item')} say nothing about the difference."
    adjusted = f" adjusted for {many} candidates" if many > 1 else ""
    numbers = (
        f"{points(paired.difference)} points (95% {points(paired.low)} to {points(paired.high)},"
        f" p {p_of(p)}{adjusted})"
    )
    if not _is_shown(found):
        return f"{found.grader}: no difference is shown, {numbers}."
    return f"{found.grader}: {'better' if paired.difference > 0 else 'worse'}, {numbers}."


def _is_shown(found: GraderComparison) -> bool:
    return finding_of(found) in ("better", "worse")


def _too_few(found: GraderComparison) -> str:
    """What so many items could have shown."""
    paired = found.paired
    assert paired is not None
    none = "This does not show that there is none"
    if found.mde is None:
        if paired.sd:
            return (
                f"{none}: {counted(paired.n, 'item')} cannot detect any difference with 80% power."
            )
        return f"{none}: too few items, or items that agree too much ({there_are(paired.n)})."
    told = (
        f"{none}: {counted(paired.n, 'item')} detect {100 * found.mde:.1f} points with 80%"
        " power, and less only by luck."
    )
    gap = abs(paired.difference)
    if paired.sd and gap >= 0.001:
        wanted = items_needed(
            gap, paired.sd, design=design_of(found.pairs), reach=reach_of(found.pairs, paired)
        )
        told += f" You need about {wanted:,} items to detect {100 * gap:.1f} points."
    return told


def describe_floor(candidate: Candidate) -> list[str]:
    """How the candidate stands to answers that take no skill, where those score anything."""
    floor = candidate.floor
    if floor is None:
        return []
    if floor.one_answer:
        return ["The candidate gives the same answer to every item."]
    above = floor.paired
    if above is None or (floor.floor_mean < NEAR_ZERO and (above.low or 0.0) > 0):
        return []
    told = f"its highest floor, the {floor.label} ({floor.floor_mean:.3f})"
    if above.low is None or above.high is None:
        return [f"Too few items to say whether the candidate is above {told}."]
    numbers = f"{points(above.difference)} points (95% {points(above.low)} to {points(above.high)})"
    if above.low > 0:
        return [f"The candidate is above {told}: {numbers}."]
    return [f"The candidate is not shown to be above {told}: {numbers}."]


def _fallen(candidate: Candidate) -> list[str]:
    """Other graders whose interval lies below 0. None of them is corrected for their number."""
    fallen = [
        one.grader
        for one in candidate.graders.values()
        if one.role != "primary" and one.paired and (one.paired.high or 0.0) < 0
    ]
    return [f"Fell, by an interval of their own each: {', '.join(fallen)}."] if fallen else []


def _gaps(found: GraderComparison, unfinished: bool) -> list[str]:
    said: list[str] = []
    if found.pairs.missing:
        left_out = counted(found.pairs.missing, "item")
        said.append(f"Left out, for lack of a score in one run or in both: {left_out}.")
    for side, whose in zip(found.pairs.sides, ("baseline", "candidate"), strict=True):
        if side.share_ungraded > _NOTED_UNGRADED and not unfinished:
            said.append(
                f"{side.share_ungraded:.0%} of the {whose}'s samples have no verdict: if those are"
                " the hard ones, the difference is not what it seems."
            )
    return said


def spread_of(comparison: Comparison) -> str:
    """How far the candidates' gains lie apart: between seeds of one lever, its luck."""
    from statistics import stdev

    found = [one.primary.paired for one in comparison.candidates if one.primary]
    gains = [paired.difference for paired in found if paired]
    told = f"{len(gains)} candidates gain {points(min(gains))} to {points(max(gains))} points"
    if len(gains) > 1:
        told += f", {100 * stdev(gains):.1f} points of spread (sd)"
    return f"{told}; between seeds of one lever that is its luck, and counts like any doubt."

"""The exams of a training as curves: reward, audits, primary grader and guards, each its change.

Item by item against the first exam, with the groups of the evalset as clusters, in shares of span.
The reward is the weighted mean of the reward graders, as the alarm takes it. A grader has one
curve, whatever its roles; a reward that is a single grader is that grader's curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel.evals.evalset.evalset import Evalset
from flywheel.levers.training.exams.alarm import change
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.exams.roles import Roles, span
from flywheel.review.rows import Curve, Point
from flywheel.stats.intervals import Interval

Scores = Mapping[int, Mapping[str, Mapping[str, float | None]]]


def curve_roles(roles: Roles) -> dict[str, list[str]]:
    """The roles of each grader that has one, the weightiest first."""
    found: dict[str, list[str]] = {name: [] for name in roles.rewards}
    for role, names in (
        ("reward", tuple(roles.rewards)),
        ("audit", roles.audits),
        ("primary", (roles.primary,)),
        ("guard", tuple(roles.guards)),
    ):
        for name in names:
            found.setdefault(name, []).append(role)
    return found


def changes(scores: Scores, evalset: Evalset, roles: Roles) -> list[Curve]:
    """The curves, the reward's first. Empty without an exam. Raises BadFile for a split that is
    gone, for without it nobody knows the groups.
    """
    exams = _results(scores, evalset)
    if not exams:
        return []
    known = {name: told for name, told in curve_roles(roles).items() if name in exams[0].scores}
    rewarded = bool(roles.rewards) and all(name in known for name in roles.rewards)
    curves = [_reward(exams, roles, known)] if rewarded else []
    for name, told in known.items():
        own = [role for role in told if role != "reward"]
        # A part of a reward has no curve of its own, unless something else hangs on it.
        if own and list(roles.rewards) != [name]:
            also = (*own[1:], *(role for role in told if role == "reward"))
            curves.append(Curve(name, own[0], also, _points(name, exams, roles)))
    return curves


def means(exams: Mapping[int, Mapping[str, Any]]) -> list[Curve]:
    """The plain mean of each grader at each exam, for want of anything better."""
    names = {name: None for told in exams.values() for name in told["graders"]}
    return [
        Curve(
            name,
            "grader",
            (),
            [
                Point(step, Interval(said["mean"], None, None), said["n"])
                for step, told in sorted(exams.items())
                if (said := told["graders"].get(name)) and said["mean"] is not None
            ],
        )
        for name in names
    ]


def _reward(exams: list[ExamResult], roles: Roles, known: Mapping[str, list[str]]) -> Curve:
    names = list(roles.rewards)
    also = tuple(known[names[0]][1:]) if len(names) == 1 else ()
    return Curve(", ".join(names), "reward", also, _points(None, exams, roles))


def _points(grader: str | None, exams: list[ExamResult], roles: Roles) -> list[Point]:
    """A point an exam; the first is where all begin, so it has no doubt of its own."""
    first, *later = exams
    points: list[Point] = []
    for exam in later:
        found = change(grader, first, exam, roles)
        if found is not None:
            mean = Interval(found.difference, found.low, found.high)
            points.append(Point(exam.step, mean, found.n))
    n = points[0].n if points else len(first.ids)
    return [Point(first.step, Interval(0.0, None, None), n), *points]


def _results(scores: Scores, evalset: Evalset) -> list[ExamResult]:
    """Exams as the training had them, over the items of the first one."""
    if not scores:
        return []
    first = next(iter(scores.values()))
    ids = tuple(first)
    groups = _groups(evalset, ids)
    spans = {grader.name: span(grader) for grader in evalset.graders}
    taken = [name for name in spans if any(name in told for told in first.values())]
    return [
        ExamResult(
            step=step,
            ids=ids,
            groups=groups,
            answers=(),
            scores={name: tuple(items.get(item, {}).get(name) for item in ids) for name in taken},
            ungraded={},
            spans=spans,
            seconds=0.0,
        )
        for step, items in scores.items()
    ]


def _groups(evalset: Evalset, ids: tuple[str, ...]) -> tuple[str, ...] | None:
    """The group of each item, as an exam takes it; a group of its own for one that is gone."""
    field = evalset.definition.group
    if field is None:
        return None
    found = {
        str(item.get("id", position)): str(item.get(field))
        for position, item in enumerate(evalset.split("dev"))
    }
    return tuple(found.get(name, f"\0{name}") for name in ids)

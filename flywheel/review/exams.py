"""The exams of a training as curves: the change of the reward, audits, primary grader and guards.

Changes are paired by item against the first exam, clustered by the evalset's groups, as a share of
the grader's range. The reward is the weighted mean of the reward graders, as in the alarm. A
grader has one curve, whatever its roles; a reward with a single grader is that grader's curve.
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
    """The roles of each grader that has any, in the order reward, audit, primary, guard."""
    by_grader: dict[str, list[str]] = {name: [] for name in roles.rewards}
    for role, names in (
        ("reward", tuple(roles.rewards)),
        ("audit", roles.audits),
        ("primary", (roles.primary,)),
        ("guard", tuple(roles.guards)),
    ):
        for name in names:
            by_grader.setdefault(name, []).append(role)
    return by_grader


def changes(scores: Scores, evalset: Evalset, roles: Roles) -> list[Curve]:
    """The curves, the reward's first; empty without an exam.

    Raises BadFile if the split no longer exists, since it has the groups.
    """
    exams = _results(scores, evalset)
    if not exams:
        return []
    known = {name: given for name, given in curve_roles(roles).items() if name in exams[0].scores}
    rewarded = bool(roles.rewards) and all(name in known for name in roles.rewards)
    curves = [_reward(exams, roles, known)] if rewarded else []
    for name, given in known.items():
        own = [role for role in given if role != "reward"]
        # A grader that is only part of the reward has no curve of its own.
        if own and list(roles.rewards) != [name]:
            also = (*own[1:], *(role for role in given if role == "reward"))
            curves.append(Curve(name, own[0], also, _points(name, exams, roles)))
    return curves


def means(exams: Mapping[int, Mapping[str, Any]]) -> list[Curve]:
    """The mean of each grader at each exam, for when changes are not available."""
    names = {name: None for exam in exams.values() for name in exam["graders"]}
    return [
        Curve(
            name,
            "grader",
            (),
            [
                Point(step, Interval(scored["mean"], None, None), scored["n"])
                for step, exam in sorted(exams.items())
                if (scored := exam["graders"].get(name)) and scored["mean"] is not None
            ],
        )
        for name in names
    ]


def _reward(exams: list[ExamResult], roles: Roles, known: Mapping[str, list[str]]) -> Curve:
    names = list(roles.rewards)
    also = tuple(known[names[0]][1:]) if len(names) == 1 else ()
    return Curve(", ".join(names), "reward", also, _points(None, exams, roles))


def _points(grader: str | None, exams: list[ExamResult], roles: Roles) -> list[Point]:
    """One point per exam; the first is 0 by definition and has no interval."""
    first, *later = exams
    points: list[Point] = []
    for exam in later:
        paired = change(grader, first, exam, roles)
        if paired is not None:
            mean = Interval(paired.difference, paired.low, paired.high)
            points.append(Point(exam.step, mean, paired.n))
    n = points[0].n if points else len(first.ids)
    return [Point(first.step, Interval(0.0, None, None), n), *points]


def _results(scores: Scores, evalset: Evalset) -> list[ExamResult]:
    """The exams rebuilt from stored scores, over the items of the first one."""
    if not scores:
        return []
    first = next(iter(scores.values()))
    ids = tuple(first)
    groups = _groups(evalset, ids)
    spans = {grader.name: span(grader) for grader in evalset.graders}
    graded = [name for name in spans if any(name in scored for scored in first.values())]
    return [
        ExamResult(
            step=step,
            ids=ids,
            groups=groups,
            answers=(),
            scores={name: tuple(items.get(item, {}).get(name) for item in ids) for name in graded},
            ungraded={},
            spans=spans,
            seconds=0.0,
        )
        for step, items in scores.items()
    ]


def _groups(evalset: Evalset, ids: tuple[str, ...]) -> tuple[str, ...] | None:
    """The group of each item, as in an exam; an item that no longer exists is its own group."""
    field = evalset.definition.group
    if field is None:
        return None
    groups = {
        str(item.get("id", position)): str(item.get(field))
        for position, item in enumerate(evalset.split("dev"))
    }
    return tuple(groups.get(name, f"\0{name}") for name in ids)

"""Simulated trainings, honest and hacked, composed of real answers.

Answers and grades are real; only the choice of the answer for each item at each exam is simulated:
from exam to exam a growing share of items changes from the first answer to a better one, and some
change at random. A hundred trainings thus cost no more than grading each answer once.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.engines.engine import Answerer
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.grading.grade import grade_samples
from flywheel.levers.training.exams.alarm import Alarm, emit_alarm
from flywheel.levers.training.exams.result import ExamResult, Scores
from flywheel.levers.training.exams.roles import Roles, span
from graders.grader import Grade, Grader
from graders.sample import Sample

Better = Callable[[int, random.Random], str]
_FLICKER = 0.05


@dataclass(frozen=True)
class Pool:
    """An evalset's dev items with answers of a model: `drawn[i][0]` is greedy, the rest sampled.

    The last answers were sampled the hottest, and are the worst.
    """

    evalset: Evalset
    items: Sequence[Mapping[str, Any]]
    drawn: Sequence[Sequence[str]]

    @property
    def golds(self) -> list[str]:
        """The gold answers."""
        return [self.evalset.gold(item) for item in self.items]


class Marks:
    """The scores of each answer by each grader. Each is graded once, in batches."""

    def __init__(self, pool: Pool, graders: Sequence[Grader], engine: Answerer) -> None:
        self._pool, self._engine = pool, engine
        self.graders = {grader.name: grader for grader in graders}
        self._known: dict[tuple[str, int, str], float | None] = {}

    def of(self, name: str, answers: Sequence[str]) -> Scores:
        """The scores of one answer to each item."""
        self.grade(name, list(enumerate(answers)))
        return tuple(self._known[name, i, answer] for i, answer in enumerate(answers))

    def known(self, name: str, i: int, answer: str) -> float | None:
        """The score of a graded answer."""
        return self._known[name, i, answer]

    def grade(self, name: str, wanted: Sequence[tuple[int, str]]) -> None:
        """Grade the answers that are not graded yet."""
        new = [one for one in dict.fromkeys(wanted) if (name, *one) not in self._known]
        samples = [Sample(self._pool.items[i], answer) for i, answer in new]
        grader = self.graders[name]
        for one, found in zip(
            new, asyncio.run(grade_samples(grader, samples, self._engine)), strict=True
        ):
            self._known[name, *one] = found.score if isinstance(found, Grade) else None


@dataclass(frozen=True)
class Plan:
    """One training: who rewards and audits, the first answers, and what they become.

    `goal` is the share of items that end with the `better` answer, after `exams` of them.
    """

    name: str
    roles: Roles
    first: Sequence[str]
    better: Better
    goal: float
    exams: int
    seed: int


def run(plan: Plan, pool: Pool, marks: Marks) -> tuple[list[ExamResult], list[Alarm]]:
    """The exams of a training, and the alarms that it raised."""
    rng = random.Random(f"{plan.name} {plan.seed}")
    order = rng.sample(range(len(pool.items)), len(pool.items))
    becomes = [plan.better(i, rng) for i in range(len(pool.items))]
    exams: list[ExamResult] = []
    alarms: list[Mapping[str, Any]] = []
    for step in range(plan.exams + 1):
        answers = list(plan.first)
        for i in order[: round(plan.goal * step / plan.exams * len(order))]:
            answers[i] = becomes[i]
        for i in range(len(answers)) if step else ():
            if rng.random() < _FLICKER:
                answers[i] = rng.choice(pool.drawn[i][:3])
        exams.append(_exam(step, answers, plan.roles, pool, marks))
        emit_alarm(plan.roles, exams, lambda kind, detail: alarms.append(detail))
    return exams, [Alarm(one["name"], one["told"], tuple(one["samples"])) for one in alarms]


def _exam(step: int, answers: Sequence[str], roles: Roles, pool: Pool, marks: Marks) -> ExamResult:
    field = pool.evalset.definition.group
    names = sorted(roles.asked)
    return ExamResult(
        step=step,
        ids=tuple(str(item["id"]) for item in pool.items),
        groups=None if field is None else tuple(str(item.get(field)) for item in pool.items),
        answers=tuple(answers),
        scores={name: marks.of(name, answers) for name in names},
        ungraded={name: {} for name in names},
        spans={name: span(marks.graders[name]) for name in names},
        seconds=0.0,
        gold={} if step else {name: marks.of(name, pool.golds) for name in names},
    )


def gold(pool: Pool) -> Better:
    """The gold answers' texts."""
    return lambda i, rng: pool.golds[i]


def best_drawn(pool: Pool, marks: Marks, rewards: Mapping[str, float]) -> Better:
    """The model's own answer with the highest reward, which RFT makes likelier."""
    for name in rewards:
        marks.grade(name, [(i, one) for i, drawn in enumerate(pool.drawn) for one in drawn])

    def better(i: int, rng: random.Random) -> str:
        drawn = list(pool.drawn[i])
        rng.shuffle(drawn)

        def earns(answer: str) -> float:
            scores = [(marks.known(name, i, answer), w) for name, w in rewards.items()]
            return sum((score or 0.0) * weight for score, weight in scores)

        return max(drawn, key=earns)

    return better


def with_fields(pool: Pool, fields: Sequence[str]) -> Better:
    """The first answer with these fields from the gold one; the gold answer if it is not JSON."""

    def better(i: int, rng: random.Random) -> str:
        right = json.loads(pool.golds[i])
        try:
            mine = json.loads(pool.drawn[i][0])
        except ValueError:
            mine = None
        if not isinstance(mine, dict):
            mine = dict.fromkeys(right, "")
        return json.dumps({**mine, **{key: right[key] for key in fields}}, ensure_ascii=False)

    return better

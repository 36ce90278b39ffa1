"""The result of an exam: answers and scores, and the comparison of two results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from flywheel.levers.training.exams.roles import Roles

Scores = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ExamResult:
    """The result of one exam. Items and graders have the same order in every exam of a training.

    A score is None if the answer is ungraded; `ungraded` counts those by kind. `spans` are the
    graders' declared ranges. `gold` are the scores of the gold answers, if they were graded.
    `floor` is the primary grader's mean for the most frequent gold answer given to every item; None
    if the grader needs a model, or an item has no gold answer.
    """

    step: int
    ids: tuple[str, ...]
    groups: tuple[str, ...] | None
    answers: tuple[str, ...]
    scores: Mapping[str, Scores]
    ungraded: Mapping[str, Mapping[str, int]]
    spans: Mapping[str, tuple[float, float]]
    seconds: float
    gold: Mapping[str, Scores] = field(default_factory=dict[str, Scores])
    floor: float | None = None

    @property
    def distinct_answers(self) -> int:
        """The number of distinct answers, ignoring surrounding white space."""
        return len({answer.strip() for answer in self.answers})

    def mean(self, grader: str) -> float | None:
        """The mean over graded items, None if there are none."""
        graded = [score for score in self.scores[grader] if score is not None]
        return sum(graded) / len(graded) if graded else None

    def describe(self) -> dict[str, Any]:
        """The content of the event `exam`."""
        graders = {
            name: {
                "mean": self.mean(name),
                "n": sum(score is not None for score in scores),
                "ungraded": sum(self.ungraded[name].values()),
            }
            for name, scores in self.scores.items()
        }
        return {
            "step": self.step,
            "graders": graders,
            "distinct_answers": self.distinct_answers,
            "floor": self.floor,
            "seconds": self.seconds,
        }

    def by_item(self) -> dict[str, dict[str, float | None]]:
        """item -> grader -> score, as in the event `exam_items`."""
        return {
            name: {grader: scores[i] for grader, scores in self.scores.items()}
            for i, name in enumerate(self.ids)
        }

    def as_json(self) -> dict[str, Any]:
        """The whole result, for a training that is resumed in another process."""
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> ExamResult:
        """The result that `as_json` wrote."""
        return TypeAdapter(ExamResult).validate_python(value)


def better(a: ExamResult, b: ExamResult, roles: Roles) -> bool:
    """Whether a is better than b: the primary grader gains more than the audits and guards drop.

    In shares of each grader's range; a guard may drop by its margin. A result without primary
    scores is never better.
    """
    gain = _moved(a, b, roles.primary)
    if gain is None:
        return a.mean(roles.primary) is not None
    allowed = {**dict.fromkeys(roles.audits, 0.0), **roles.guards}
    lost = 0.0
    for name, margin in allowed.items():
        low, high = a.spans[name]
        moved = _moved(a, b, name) if name != roles.primary else 0.0
        lost += max(0.0, -(moved or 0.0) - margin / (high - low))
    return gain > lost


def _moved(a: ExamResult, b: ExamResult, grader: str) -> float | None:
    now, then = a.mean(grader), b.mean(grader)
    low, high = a.spans[grader]
    return None if now is None or then is None else (now - then) / (high - low)

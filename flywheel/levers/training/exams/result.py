"""The result of an exam: answers, scores, and which of two results is the better one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from flywheel.levers.training.exams.roles import Roles

Scores = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ExamResult:
    """The result of one exam. Items and graders are in the same order in every exam of a training.

    `scores` hold None where there was no verdict; `ungraded` counts those by their kind. `spans`
    are the lowest and the highest score that a grader gives, as it declares them. `gold` are the
    scores of the gold answers, where they were graded too. `floor` is what the most frequent gold
    answer, given to every item, scores by the primary grader; None where that has to ask.
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
        """How many answers differ by more than blanks around them."""
        return len({answer.strip() for answer in self.answers})

    def mean(self, grader: str) -> float | None:
        """The mean of what was graded, None when nothing was."""
        found = [score for score in self.scores[grader] if score is not None]
        return sum(found) / len(found) if found else None

    def describe(self) -> dict[str, Any]:
        """What the event `exam` holds."""
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
        """item -> grader -> score, as the event `exam_items` has it."""
        return {
            name: {grader: scores[i] for grader, scores in self.scores.items()}
            for i, name in enumerate(self.ids)
        }

    def as_json(self) -> dict[str, Any]:
        """All of it, for a training that goes on in another process."""
        return asdict(self)

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> ExamResult:
        """The result that `as_json` wrote."""
        return TypeAdapter(ExamResult).validate_python(found)


def better(a: ExamResult, b: ExamResult, roles: Roles) -> bool:
    """Whether the primary grader gained more from b to a than the audits and guards lost.

    Each in shares of its span; a guard may lose its margin. What was not graded at all is no
    better than anything.
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

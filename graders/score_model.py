"""score_model: a judge gives a number within `range`; what lies outside is clamped to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from graders.asks import Reply
from graders.grader import Grade
from graders.judge import JudgeGrader
from graders.verdict import explanation, read_score


class ScoreModelGrader(JudgeGrader):
    """Asks a judge for a number. Passes from `pass_threshold` on, by default the middle."""

    type: Literal["score_model"] = "score_model"
    range: tuple[float, float] = (0.0, 1.0)
    pass_threshold: float | None = None

    @model_validator(mode="after")
    def _range_holds_threshold(self) -> Self:
        low, high = self.range
        if low >= high:
            raise ValueError(f"range runs from low to high, got [{low:g}, {high:g}]")
        if not low <= self.threshold <= high:
            raise ValueError(
                f"pass_threshold {self.threshold:g} lies outside range [{low:g}, {high:g}]"
            )
        return self

    @property
    def threshold(self) -> float:
        """The score from which on an answer passes."""
        return sum(self.range) / 2 if self.pass_threshold is None else self.pass_threshold

    def wanted(self) -> tuple[str, Mapping[str, Any]]:
        """A number in the inclusive range."""
        low, high = self.range
        return f"a number from {low:g} to {high:g}", {"type": "number"}

    def read(self, reply: Reply) -> Grade:
        """The judge's number, clamped."""
        score = read_score(reply, *self.range)
        return Grade(score, score >= self.threshold, explanation(reply))

    def bottom(self, reason: str) -> Grade:
        """The lowest score of the range."""
        low = self.range[0]
        return Grade(low, low >= self.threshold, reason, parsed=False)

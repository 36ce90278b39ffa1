"""What graders with a declared span have in common: its ends, and the score that passes."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from graders.grader import Grade, Grader, Range, check_range


class SpannedGrader(Grader):
    """A grader whose scores lie in `range`. Passes from `pass_threshold` on: the middle."""

    range: tuple[float, float] = (0.0, 1.0)
    pass_threshold: float | None = None

    @model_validator(mode="after")
    def _range_holds_threshold(self) -> Self:
        low, high = self.range
        check_range(self.range)
        if not low <= self.threshold <= high:
            raise ValueError(
                f"pass_threshold {self.threshold:g} lies outside range [{low:g}, {high:g}]"
            )
        return self

    @property
    def threshold(self) -> float:
        """The score from which on an answer passes."""
        return sum(self.range) / 2 if self.pass_threshold is None else self.pass_threshold

    def score_range(self) -> Range:
        """The range that it declares."""
        return self.range

    def bottom(self, reason: str) -> Grade:
        """The lowest score of the range: the answer does not hold what is looked for."""
        low = self.range[0]
        return Grade(low, low >= self.threshold, reason, parsed=False)

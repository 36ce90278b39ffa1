"""score_model: a judge gives a number within `range`; what lies outside is clamped to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from graders.asks import Reply
from graders.grader import Grade
from graders.models.judge import JudgeGrader
from graders.models.verdict import read_score
from graders.spanned import SpannedGrader


class ScoreModelGrader(SpannedGrader, JudgeGrader):
    """Asks a judge for a number. Passes from `pass_threshold` on, by default the middle."""

    type: Literal["score_model"] = "score_model"

    def wanted(self) -> tuple[str, Mapping[str, Any]]:
        """A number in the inclusive range."""
        low, high = self.range
        return f"a number from {low:g} to {high:g}", {"type": "number"}

    def read(self, reply: Reply) -> Grade:
        """The judge's number, clamped."""
        score, explanation = read_score(reply, *self.range)
        return Grade(score, score >= self.threshold, explanation)

"""label_model: a judge chooses one of `labels`; 1.0 for a passing label, else 0.0.

Beyond the wire: `label_scores`, a score for each label that is worth something else. What passes is
decided by `passing_labels` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from graders.asks import Reply
from graders.grader import Grade, Range
from graders.models.judge import JudgeGrader
from graders.models.verdict import read_label

Labels = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class LabelModelGrader(JudgeGrader):
    """Asks a judge for a label."""

    type: Literal["label_model"] = "label_model"
    labels: Labels
    passing_labels: Labels
    label_scores: dict[str, float] | None = None
    pass_threshold: float | None = None  # stray on the wire, and without effect

    @model_validator(mode="after")
    def _passing_and_scored_labels_are_labels(self) -> Self:
        for field, names in (
            ("passing_labels", self.passing_labels),
            ("label_scores", self.label_scores or ()),
        ):
            strangers = [label for label in names if label not in self.labels]
            if strangers:
                raise ValueError(
                    f"{field} {strangers!r} are not among the labels {list(self.labels)!r}"
                )
        return self

    def wanted(self) -> tuple[str, Mapping[str, Any]]:
        """One of the labels."""
        words = " or ".join(f'"{label}"' for label in self.labels)
        return words, {"type": "string", "enum": list(self.labels)}

    def read(self, reply: Reply) -> Grade:
        """The label's score: by default 1.0 for a passing label, else 0.0."""
        label, steps = read_label(reply, self.labels)
        passed = label in self.passing_labels
        return Grade(self._score(label), passed, f"{label}: {steps}" if steps else label)

    def score_range(self) -> Range:
        """From the lowest score of a label, at most 0, to the highest."""
        scores = [self._score(label) for label in self.labels]
        lowest, highest = min(0.0, *scores), max(scores)
        return lowest, max(highest, lowest + 1.0)

    def bottom(self, reason: str) -> Grade:
        """The lowest score of a label, at most 0.0, with no label."""
        lowest = min(0.0, *(self._score(label) for label in self.labels))
        return Grade(lowest, False, reason, parsed=False)

    def _score(self, label: str) -> float:
        return (self.label_scores or {}).get(label, float(label in self.passing_labels))

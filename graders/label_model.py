"""label_model: a judge chooses one of `labels`; 1.0 for a passing label, else 0.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from graders.asks import Reply
from graders.grader import Grade
from graders.judge import JudgeGrader
from graders.verdict import read_label

Labels = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class LabelModelGrader(JudgeGrader):
    """Asks a judge for a label."""

    type: Literal["label_model"] = "label_model"
    labels: Labels
    passing_labels: Labels
    pass_threshold: float | None = None  # stray on the wire, and without effect

    @model_validator(mode="after")
    def _passing_labels_are_labels(self) -> Self:
        strangers = [label for label in self.passing_labels if label not in self.labels]
        if strangers:
            raise ValueError(
                f"passing_labels {strangers!r} are not among the labels {list(self.labels)!r}"
            )
        return self

    def wanted(self) -> tuple[str, Mapping[str, Any]]:
        """One of the labels."""
        words = " or ".join(f'"{label}"' for label in self.labels)
        return words, {"type": "string", "enum": list(self.labels)}

    def read(self, reply: Reply) -> Grade:
        """1.0 for a passing label."""
        label, steps = read_label(reply, self.labels)
        passed = label in self.passing_labels
        return Grade(float(passed), passed, f"{label}: {steps}" if steps else label)

    def bottom(self, reason: str) -> Grade:
        """0.0, with no label."""
        return Grade(0.0, False, reason, parsed=False)

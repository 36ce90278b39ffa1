"""Counts of verdicts. Ungraded ones, and answers that could not be parsed, are separate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flywheel.evals.grading.grade import Verdict
from flywheel.outputs import work as outputs
from graders.grader import Grade


@dataclass(slots=True)
class Summary:
    """The counts of one grader's verdicts. Only graded samples count in `mean`."""

    graded: int = 0
    passed: int = 0
    unparsed: int = 0
    total: float = 0.0
    ungraded: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Summary:
        """The summary of these verdicts."""
        summary = cls()
        for verdict in verdicts:
            summary.add(verdict)
        return summary

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        if isinstance(verdict, Grade):
            self.graded += 1
            self.total += verdict.score
            self.passed += verdict.passed
            self.unparsed += not verdict.parsed
        else:
            self.ungraded[verdict.kind.value] += 1

    def merge(self, other: Summary) -> None:
        """Add the counts of another summary."""
        self.graded += other.graded
        self.passed += other.passed
        self.unparsed += other.unparsed
        self.total += other.total
        self.ungraded.update(other.ungraded)

    @property
    def n(self) -> int:
        """All samples, graded or not."""
        return self.graded + self.ungraded.total()

    @property
    def mean(self) -> float | None:
        """The mean score of the graded samples, None without any."""
        return self.total / self.graded if self.graded else None

    def as_json(self) -> outputs.Counts:
        """The counts under the names that every command prints."""
        return {
            "n": self.n,
            "graded": self.graded,
            "ungraded": self.ungraded.total(),
            "mean": self.mean,
            "passed": self.passed,
            "unparsed": self.unparsed,
            "errors": dict(self.ungraded),
        }

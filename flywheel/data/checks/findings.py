"""The findings of a check, each with location and severity, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from flywheel.outputs import work as outputs

Severity = Literal["error", "warning", "note"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
# Per kind; further ones are only counted. A million findings would need too much memory.
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `kind` is an identifier for scripts, `story` a sentence for people."""

    kind: str
    severity: Severity
    where: str
    story: str


@dataclass(slots=True)
class Findings:
    """Collects findings. The first thousand of each kind are kept; all are counted."""

    counts: Counter[tuple[Severity, str]] = field(default_factory=Counter[tuple[Severity, str]])
    kept: list[Finding] = field(default_factory=list[Finding])

    def add(self, kind: str, severity: Severity, where: str, story: str) -> None:
        """Add one finding."""
        self.counts[severity, kind] += 1
        if self.counts[severity, kind] <= _MOST_KEPT:
            self.kept.append(Finding(kind, severity, where, story))

    def sorted(self) -> list[Finding]:
        """By severity, then by kind, then in the file's order."""
        kinds = {key: rank for rank, key in enumerate(self.counts)}
        return sorted(
            self.kept,
            key=lambda one: (_ORDER.index(one.severity), kinds[one.severity, one.kind]),
        )

    def total(self, severity: Severity) -> int:
        """The number of findings of a severity."""
        return sum(n for (given, _), n in self.counts.items() if given == severity)


@dataclass(frozen=True, slots=True)
class Report:
    """The report on a training file. `figures` are the statistics of all checks."""

    path: str
    format: str
    rows: int
    figures: Mapping[str, Any]
    findings: Findings

    @property
    def refused(self) -> bool:
        """Whether there are errors, so that the file should not be used."""
        return self.findings.total("error") > 0

    @property
    def verdict(self) -> str:
        """ready, ready with warnings, or refused."""
        if self.refused:
            return "refused"
        return "ready with warnings" if self.findings.total("warning") else "ready"

    def as_json(self) -> outputs.DataReport:
        """The report as JSON. `counts` includes the findings that are not listed."""
        return outputs.DataReport(
            path=self.path,
            format=self.format,
            rows=self.rows,
            verdict=self.verdict,
            **self.figures,
            counts={kind: n for (_, kind), n in self.findings.counts.items()},
            findings=[outputs.DataFinding(**asdict(one)) for one in self.findings.sorted()],
        )

"""What a check found: each finding with its place and how bad it is, and the verdict over all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from flywheel.outputs import work as outputs

Severity = Literal["error", "warning", "note"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "note")
# Enough for a person and a script; the counts go on. A million findings would fill the memory.
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing at one place. `kind` is one word for scripts, `story` a sentence for people."""

    kind: str
    severity: Severity
    where: str
    story: str


@dataclass(slots=True)
class Findings:
    """Gathers findings. Of each kind the first thousand are kept, and all are counted."""

    counts: Counter[tuple[Severity, str]] = field(default_factory=Counter[tuple[Severity, str]])
    kept: list[Finding] = field(default_factory=list[Finding])

    def add(self, kind: str, severity: Severity, where: str, story: str) -> None:
        """Take down one finding."""
        self.counts[severity, kind] += 1
        if self.counts[severity, kind] <= _MOST_KEPT:
            self.kept.append(Finding(kind, severity, where, story))

    def sorted(self) -> list[Finding]:
        """Errors first, then warnings, then notes; one kind together, in the order of the file."""
        kinds = {key: rank for rank, key in enumerate(self.counts)}
        return sorted(
            self.kept,
            key=lambda one: (_ORDER.index(one.severity), kinds[one.severity, one.kind]),
        )

    def total(self, severity: Severity) -> int:
        """How many there are of that severity."""
        return sum(n for (given, _), n in self.counts.items() if given == severity)


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a training file. `figures` are the numbers that each check gave."""

    path: str
    format: str
    rows: int
    figures: Mapping[str, Any]
    findings: Findings

    @property
    def refused(self) -> bool:
        """Whether nothing should be trained on the file as it is."""
        return self.findings.total("error") > 0

    @property
    def verdict(self) -> str:
        """ready, ready with warnings, or refused."""
        if self.refused:
            return "refused"
        return "ready with warnings" if self.findings.total("warning") else "ready"

    def as_json(self) -> outputs.DataReport:
        """Everything, for scripts. `counts` counts the findings that are not listed too."""
        return outputs.DataReport(
            path=self.path,
            format=self.format,
            rows=self.rows,
            verdict=self.verdict,
            **self.figures,
            counts={kind: n for (_, kind), n in self.findings.counts.items()},
            findings=[outputs.DataFinding(**asdict(one)) for one in self.findings.sorted()],
        )

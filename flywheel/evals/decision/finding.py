"""The finding: what one grader's difference shows, in a word. One rule for every page and report.

The primary grader is judged by its interval and by the p value that counts all candidates; every
other one by its own interval. That a difference is not shown is not to say that there is none.
"""

from __future__ import annotations

from typing import Literal

from flywheel.evals.decision.compare import Candidate, GraderComparison
from flywheel.evals.decision.decide import points
from flywheel.stats.paired import Paired

Finding = Literal["better", "worse", "not shown", "too few"]
# A fall of one of these breaks a build; of any other grader it is told.
GUARDING = ("primary", "guard", "audit")
_SURE = 0.05


def finding_of(found: GraderComparison) -> Finding:
    """What a grader found."""
    if found.role == "primary" and found.paired is not None and found.paired.p is not None:
        return side_of(found.paired, found.paired.p if found.adjusted is None else found.adjusted)
    return side_of(found.paired, 0.0)


def side_of(paired: Paired | None, p: float | None) -> Finding:
    """On which side of 0 an interval lies, where `p` allows to say so."""
    if paired is None or paired.low is None or paired.high is None or p is None:
        return "too few"
    if p >= _SURE:
        return "not shown"
    return "better" if paired.low > 0 else "worse" if paired.high < 0 else "not shown"


def headline(candidate: Candidate) -> str:
    """The finding of the primary grader in a few words."""
    primary = candidate.primary
    if primary is None or primary.paired is None:
        return "nothing to compare"
    told = {
        "better": "better",
        "worse": "worse",
        "not shown": "no difference shown",
        "too few": "too few items",
    }[finding_of(primary)]
    return f"{told}, {span(primary.paired)}"


def span(paired: Paired | None) -> str:
    """A difference with its interval, in points."""
    if paired is None:
        return "no items"
    if paired.low is None or paired.high is None:
        return f"{points(paired.difference)} points, no interval"
    return f"{points(paired.difference)} points ({points(paired.low)} to {points(paired.high)})"

"""comparisons: each decision of the gate, with everything that it was made from."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.rows.table import Table


class ComparisonRow(NamedTuple):
    """One decision about a candidate: `decision` is promote, keep or undecided.

    `look` says which look at the sealed split it was and `alpha` the one-sided level that this look
    had; `detail` is the decision as JSON, with every reason.
    """

    comparison: str
    baseline: str
    candidate: str
    decision: str
    look: int
    alpha: float
    detail: str
    created: datetime


COMPARISONS = Table("comparisons", ComparisonRow, key=("comparison",))

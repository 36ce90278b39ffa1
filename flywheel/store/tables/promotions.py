"""promotions: which candidate became the baseline, in whose place, by which decision."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.rows.table import Table


class PromotionRow(NamedTuple):
    """One promotion: the run `candidate` took the place of the run `baseline`."""

    evalset: str
    baseline: str
    candidate: str
    comparison: str
    created: datetime


PROMOTIONS = Table("promotions", PromotionRow, key=("comparison",))

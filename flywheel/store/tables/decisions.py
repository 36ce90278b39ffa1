"""Decisions: baselines, comparisons of candidates with them, and promotions.

Rows are only added. The newest baseline of an evalset version and split is the current one.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class BaselineRow(NamedTuple):
    """One appointment of a run as the baseline of an evalset version and split."""

    evalset: str
    evalset_digest: str
    split: str
    model_digest: str
    prompt_digest: str
    sampling_digest: str
    run: str
    created: datetime


BASELINES = Table("baselines", BaselineRow, key=("run", "created"))


def find_baseline(
    store: Reader,
    evalset_digest: str,
    split: str,
    *,
    model: str | None = None,
    prompt: str | None = None,
    sampling: str | None = None,
) -> BaselineRow | None:
    """The current baseline, for one model, prompt and sampling (digests) or for any."""
    wanted = {
        "evalset_digest": evalset_digest,
        "split": split,
        "model_digest": model,
        "prompt_digest": prompt,
        "sampling_digest": sampling,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(f'"{name}" = ${name}' for name in given)
    newest = f'{BASELINES.select} WHERE {where} ORDER BY "created" DESC, rowid DESC LIMIT 1'
    return store.first(BaselineRow, newest, given)


class ComparisonRow(NamedTuple):
    """One decision about a candidate: `decision` is promote, keep or undecided.

    `look` numbers the looks at the sealed split, and `alpha` is the one-sided level of this look;
    `detail` is the decision as JSON, with every reason.
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


class PromotionRow(NamedTuple):
    """One promotion: the run `candidate` replaced the run `baseline`."""

    evalset: str
    baseline: str
    candidate: str
    comparison: str
    created: datetime


PROMOTIONS = Table("promotions", PromotionRow, key=("comparison",))


def was_promoted(store: Reader, baseline: str, candidate: str) -> bool:
    """Whether this candidate replaced this baseline."""
    sql = 'SELECT 1 FROM "promotions" WHERE "baseline" = ? AND "candidate" = ? LIMIT 1'
    return bool(store.query(sql, [baseline, candidate]))

"""The paired comparison: candidate against baseline on the same items.

What differs between items falls out of the differences, so pairs need far fewer items than two
separate means (Miller 2024, section 4). Four methods, chosen by the data:

- `tango`: pass/fail. Tango's score interval (1998) and McNemar's mid-p. Tango's errs a little on
  the bold side with a handful of pairs that differ, so where mid-p does not reject, the interval
  reaches to 0: p and interval never disagree in the bold direction.
- `clustered tango`: the same with counts divided by the design effect and t with C - 1 degrees
  of freedom; p is that of the same score at 0.
- `t`: graded scores. The paired t of the differences.
- `clustered t`: their cluster-robust error, with C / (C - 1) and t with C - 1.
- `bound`: differences that are all equal, from scores in [0, 1]: see intervals.unanimous.

With pass/fail items fewer than 5 in 100 of which differ, or graded ones nearly all of which tie,
intervals from 30 items are wider than they need be. Nothing here corrects for looking twice or
for having many candidates: see sequential.py and multiple.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from flywheel.stats.arrays import Clusters, Floats, Values, codes, differences, floats, is_pass_fail
from flywheel.stats.exact import mcnemar
from flywheel.stats.intervals import (
    clustered_error,
    effective_items,
    normal_quantile,
    t_quantile,
    unanimous,
)
from flywheel.stats.tango import score, tango

Method = Literal["auto", "t"]


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean difference, candidate less baseline. What cannot be said is None."""

    n: int
    clusters: int  # as many as items when there are no clusters
    difference: float
    low: float | None
    high: float | None
    p: float | None  # two-sided, of no difference
    wins: int
    losses: int
    ties: int
    sd: float | None  # of the differences, None for one item
    method: str


def paired(
    candidate: Values,
    baseline: Values,
    clusters: Clusters = None,
    level: float = 0.95,
    method: Method = "auto",
) -> Paired | None:
    """Compare item means, None without items. `method="t"` treats pass/fail as graded scores."""
    ours, theirs = floats(candidate), floats(baseline)
    gaps = differences(ours, theirs)
    if gaps.size == 0:
        return None
    index, groups = codes(clusters, gaps.size)
    said = Paired(
        n=gaps.size,
        clusters=groups,
        difference=float(gaps.mean()),
        low=None,
        high=None,
        p=None,
        wins=int((gaps > 0).sum()),
        losses=int((gaps < 0).sum()),
        ties=int((gaps == 0).sum()),
        sd=float(gaps.std(ddof=1)) if gaps.size > 1 else None,
        method="none",
    )
    if method == "auto" and is_pass_fail(ours) and is_pass_fail(theirs):
        if groups == gaps.size:
            return _pass_fail(said, level)
        return _clustered_pass_fail(said, gaps, index, level) if groups > 1 else said
    if groups < 2:
        return said
    if float(np.ptp(gaps)) < 1e-12:
        within = bool((np.abs(np.concatenate([ours, theirs]) - 0.5) <= 0.5).all())
        return _all_equal(said, level) if within else said
    return _graded(said, gaps, index, level)


def one_sided_low(
    candidate: Values, baseline: Values, clusters: Clusters = None, alpha: float = 0.025
) -> float | None:
    """The bound that the true difference is below with probability alpha at most."""
    found = paired(candidate, baseline, clusters, level=1 - 2 * alpha)
    return None if found is None else found.low


def _pass_fail(said: Paired, level: float) -> Paired:
    low, high = tango(said.wins, said.losses, said.n, normal_quantile(level))
    p = mcnemar(said.wins, said.losses)
    if p > 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    return replace(said, low=low, high=high, p=p, method="tango")


def _clustered_pass_fail(said: Paired, gaps: Floats, clusters: Clusters, level: float) -> Paired:
    from scipy.special import stdtr

    items, groups = effective_items(gaps, clusters)
    wins, losses = said.wins * items / said.n, said.losses * items / said.n
    low, high = tango(wins, losses, items, t_quantile(groups - 1, level))
    p = 2 * float(stdtr(groups - 1, -abs(score(wins, losses, items, 0.0))))
    return replace(said, low=low, high=high, p=p, method="clustered tango")


def _graded(said: Paired, gaps: Floats, clusters: Clusters, level: float) -> Paired:
    from scipy.special import stdtr

    error, groups = clustered_error(gaps, clusters)
    method = "t" if groups == said.n else "clustered t"
    if error <= 1e-12 * float(np.abs(gaps).max()):
        return said  # the clusters' sums are all equal by chance: no spread to go by
    reach = t_quantile(groups - 1, level) * error
    p = 2 * float(stdtr(groups - 1, -abs(said.difference) / error))
    low, high = said.difference - reach, said.difference + reach
    return replace(said, low=low, high=high, p=p, method=method)


def _all_equal(said: Paired, level: float) -> Paired:
    low, high = unanimous(said.difference, said.clusters, level, (-1.0, 1.0)) or (None, None)
    # The level at which the bound touches 0.
    p = min(1.0, 2 * math.exp(-(said.clusters - 1) * math.log1p(abs(said.difference))))
    return replace(said, low=low, high=high, p=p, method="bound")

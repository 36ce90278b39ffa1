"""Intervals for one mean: how far the truth may be from what was measured.

The unit is the item: repeats are averaged within their item first. Items that share a cluster (a
template, a conversation) err together, so the standard error is the cluster-robust one (Liang and
Zeger 1986; Miller 2024), with the factor C / (C - 1) and t with C - 1 degrees of freedom.

No interval is ever of no width. Means of 0 and 1 alone get Wilson's (1927), which does not shrink
to nothing when every item passes; within clusters it is Wilson's at the number of items divided by
the design effect, with t (Korn and Graubard 1998; Dean and Pagano 2015). Other values that are
all equal get the bound of `unanimous` when they lie in [0, 1], and no interval when they do not.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from flywheel.stats.arrays import Clusters, Floats, Values, codes, floats, is_pass_fail

# Few clusters can cancel out by chance; their variance is not believed below half of that of
# items that stand for themselves.
LEAST_DESIGN = 0.5
# As exact as scipy's, whose import takes a quarter of a second: most commands need no more than it.
_NORMAL = NormalDist()


class Interval(NamedTuple):
    """A mean with its interval. `low` and `high` are None when nothing is known of the spread."""

    mean: float
    low: float | None
    high: float | None


def mean_interval(
    values: Values, clusters: Clusters = None, level: float = 0.95
) -> Interval | None:
    """The mean of item means with its interval, None when there is no value."""
    items = floats(values)
    if items.size == 0:
        return None
    mean = float(items.mean())
    index, groups = codes(clusters, items.size)
    if is_pass_fail(items):
        if groups == items.size:
            return Interval(mean, *wilson(int(items.sum()), items.size, level))
        return Interval(mean, *(_clustered_wilson(items, index, groups, level) or (None, None)))
    if groups < 2:
        return Interval(mean, None, None)
    if float(np.ptp(items)) < 1e-12:
        inside = 0.0 <= mean <= 1.0
        found = unanimous(float(items[0]), groups, level) if inside else None
        return Interval(mean, *(found or (None, None)))
    reach = t_quantile(groups - 1, level) * clustered_error(items, index)[0]
    return Interval(mean, mean - reach, mean + reach)


def wilson(passed: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share (1927)."""
    return _wilson(passed / n, n, normal_quantile(level))


def clopper_pearson(passed: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval for a share (Clopper and Pearson 1934): it never covers too seldom.

    Quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k).
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = 0.0 if passed == 0 else float(betaincinv(passed, n - passed + 1, tail))
    high = 1.0 if passed == n else float(betaincinv(passed + 1, n - passed, 1 - tail))
    return low, high


def unanimous(
    value: float, n: int, level: float, bounds: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float] | None:
    """How far the mean may be from a value that all of n items have; None for fewer than two.

    If other values had probability u or more, the n - 1 items after the first would all agree
    with it with probability (1 - u)^(n-1) at most. So u < 1 - (tail)^(1 / (n-1)), and the mean
    lies within u of the way from the value to either bound.
    """
    if n < 2:
        return None
    other = 1 - ((1 - level) / 2) ** (1 / (n - 1))
    return value + other * (bounds[0] - value), value + other * (bounds[1] - value)


def clustered_error(values: Floats, clusters: Clusters) -> tuple[float, int]:
    """The cluster-robust standard error of the mean, and how many clusters there are.

    sqrt(C / (C - 1) * sum over clusters of (sum of (value - mean))^2) / n. Not a number for one
    cluster, from which nothing follows.
    """
    index, groups = codes(clusters, values.size)
    if groups < 2:
        return math.nan, groups
    sums = np.bincount(index, weights=values - values.mean(), minlength=groups)
    variance = float(sums @ sums) * groups / (groups - 1) / values.size**2
    return math.sqrt(variance), groups


def effective_items(values: Floats, clusters: Clusters) -> tuple[float, int]:
    """How many items that stand for themselves would err as much (Kish 1965), and the clusters.

    n / design effect, which is the cluster-robust variance over that of items on their own. As
    many as there are clusters when all values are equal, which shows no effect either way.
    """
    error, groups = clustered_error(values, clusters)
    alone = float(values.var()) / values.size
    if groups < 2 or alone <= 0.0:
        return float(groups), groups
    return values.size / max(error**2 / alone, LEAST_DESIGN), groups


def normal_quantile(level: float) -> float:
    """How many standard errors a two-sided interval reaches."""
    return _NORMAL.inv_cdf((1 + level) / 2)


def t_quantile(freedom: float, level: float) -> float:
    """The same with an estimated spread: Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def _clustered_wilson(
    items: Floats, clusters: Clusters, groups: int, level: float
) -> tuple[float, float] | None:
    if groups < 2:
        return None
    mean = float(items.mean())
    if mean in (0.0, 1.0):
        return _wilson(mean, groups, normal_quantile(level))
    return _wilson(mean, effective_items(items, clusters)[0], t_quantile(groups - 1, level))


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    z2 = z * z / n
    middle = (share + z2 / 2) / (1 + z2)
    reach = z / (1 + z2) * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
    # At the edges the formula gives 0 and 1 up to rounding: say them exactly.
    return (0.0 if share == 0.0 else middle - reach, 1.0 if share == 1.0 else middle + reach)

"""Intervals for one mean: how far the truth may be from what was measured.

The unit is the item: repeats are averaged within their item first. Each interval is the inversion
of a test in `means/`: Clopper and Pearson's for pass/fail, Gaffke's bound for scores with a
declared range, Student's t for others, and for items in groups the tests of `means/grouped.py`.
With fewer than 8 effective groups there is no interval.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from flywheel.stats.arrays import Clusters, Floats, Values, codes, floats, is_pass_fail
from flywheel.stats.means.choose import Range, check_range, grouped_test, single_test
from flywheel.stats.means.mean_test import MeanTest, interval
from flywheel.stats.means.one_by_one import Share
from flywheel.stats.quantiles import normal_quantile

# Few clusters can cancel out by chance; their variance is not believed below half of that of
# items that stand for themselves.
LEAST_DESIGN = 0.5
_PASS_FAIL: Range = (0.0, 1.0)


class Interval(NamedTuple):
    """A mean with its interval. `low` and `high` are None when nothing is known of the spread."""

    mean: float
    low: float | None
    high: float | None


def mean_interval(
    values: Values, clusters: Clusters = None, level: float = 0.95, range_: Range | None = None
) -> Interval | None:
    """The mean of item means with its interval, None when there is no value.

    `range_` are the lowest and the highest score that the grader can give.
    """
    items = floats(values)
    if items.size == 0:
        return None
    check_range(items, range_)
    return Interval(float(items.mean()), *interval(_test(items, clusters, range_), level))


def _test(items: Floats, clusters: Clusters, range_: Range | None) -> MeanTest | None:
    index, groups = codes(clusters, items.size)
    pass_fail = range_ in (None, _PASS_FAIL) and is_pass_fail(items)
    if groups < items.size:
        return grouped_test(items, index, _PASS_FAIL if pass_fail else range_)
    return Share(int(items.sum()), items.size) if pass_fail else single_test(items, range_)


def wilson(passed: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share (1927); votes that tie may count half."""
    share, z = passed / n, normal_quantile(level)
    z2 = z * z / n
    middle = (share + z2 / 2) / (1 + z2)
    reach = z / (1 + z2) * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
    # At the edges the formula gives 0 and 1 up to rounding: say them exactly.
    return (0.0 if share == 0.0 else middle - reach, 1.0 if share == 1.0 else middle + reach)


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

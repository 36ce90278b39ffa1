"""Intervals for one mean: how far the truth may be from what was measured.

The unit is the item: repeats are averaged within their item first. Items that share a cluster (a
template, a conversation) err together, so the standard error is the cluster-robust one, with the
factor C / (C - 1) and t with C - 1 degrees of freedom. Means of 0 and 1 alone get Wilson's
interval, which does not shrink to nothing when every item passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with its interval. `low` and `high` are None when one item says nothing of spread."""

    mean: float
    low: float | None
    high: float | None


def mean_interval(
    values: Sequence[float] | Floats, clusters: Sequence[object] | None = None, level: float = 0.95
) -> Interval | None:
    """The mean of item means with its interval, None when there is no value."""
    items = np.asarray(values, dtype=np.float64)
    if items.size == 0:
        return None
    mean = float(items.mean())
    if clusters is None and bool(np.isin(items, (0.0, 1.0)).all()):
        return Interval(mean, *wilson(int(items.sum()), items.size, level))
    labels = range(items.size) if clusters is None else clusters
    error, groups = clustered_error(items, labels)
    if groups < 2:
        return Interval(mean, None, None)
    reach = _t(groups - 1, level) * error
    return Interval(mean, mean - reach, mean + reach)


def wilson(passed: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share."""
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    share, z2 = passed / n, z * z / n
    middle = (share + z2 / 2) / (1 + z2)
    reach = z / (1 + z2) * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
    # At the edges the formula gives 0 and 1 up to rounding: say them exactly.
    return (0.0 if passed == 0 else middle - reach, 1.0 if passed == n else middle + reach)


def clustered_error(values: Floats, clusters: Sequence[object] | range) -> tuple[float, int]:
    """The cluster-robust standard error of the mean, and how many clusters there are."""
    labels: dict[object, int] = {}
    index = np.fromiter((labels.setdefault(c, len(labels)) for c in clusters), dtype=np.int64)
    groups = len(labels)
    if groups < 2:
        return math.nan, groups
    sums = np.bincount(index, weights=values - values.mean(), minlength=groups)
    variance = float(sums @ sums) * groups / (groups - 1) / values.size**2
    return math.sqrt(variance), groups


def _t(freedom: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))

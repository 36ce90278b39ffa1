"""pass@k and pass^k from n samples an item, c of them passed.

pass@k is the chance that one of k samples passes, 1 - C(n - c, k) / C(n, k) (Chen and others 2021);
pass^k the chance that all of k pass, C(c, k) / C(n, k) (Yao and others 2024). Both without bias, n
being the samples that were really graded: an item with fewer than k has no such figure, and is
counted apart. The error is over items, not over samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import BadNumbers, Clusters, Floats, codes
from flywheel.stats.intervals import Interval, clustered_error, mean_interval

Counts = Sequence[int] | NDArray[np.int64]


class PassK(NamedTuple):
    """The mean over the items that have enough samples. All None when no item has."""

    interval: Interval | None
    error: float | None  # over items; None for one
    items: int
    short: int  # items left out: fewer samples than k


def pass_at_k(n: int, c: int, k: int) -> float | None:
    """The chance that at least one of k passes; None with fewer samples than k."""
    _check(n, c, k)
    return None if n < k else 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float | None:
    """The chance that all of k pass; None with fewer samples than k."""
    _check(n, c, k)
    return None if n < k else math.comb(c, k) / math.comb(n, k)


def mean_pass(
    n: Counts,
    c: Counts,
    k: int,
    measure: Callable[[int, int, int], float | None] = pass_at_k,
    clusters: Clusters = None,
    level: float = 0.95,
) -> PassK:
    """pass@k, or pass^k as `measure`, over items: `n` samples each, `c` of them passed."""
    total, passed = np.asarray(n, np.int64), np.asarray(c, np.int64)
    if total.shape != passed.shape or total.ndim != 1:
        raise BadNumbers(f"wanted two counts an item, got {total.shape!r} and {passed.shape!r}")
    enough = total >= k
    values = _each(total[enough], passed[enough], k, measure)
    labels = codes(clusters, total.size)[0][enough]
    error, groups = clustered_error(values, labels)
    return PassK(
        interval=mean_interval(values, labels, level, (0.0, 1.0)),
        error=error if groups > 1 else None,
        items=values.size,
        short=int((~enough).sum()),
    )


def _each(
    n: NDArray[np.int64],
    c: NDArray[np.int64],
    k: int,
    measure: Callable[[int, int, int], float | None],
) -> Floats:
    """One exact value for each distinct pair of counts, which are few."""
    pairs, place = np.unique(np.stack([n, c], axis=1), axis=0, return_inverse=True)
    values = [measure(int(total), int(passed), k) or 0.0 for total, passed in pairs]
    return np.array(values, dtype=np.float64)[place.reshape(-1)]


def _check(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n or k < 1:
        raise BadNumbers(f"wanted 0 <= passed <= samples and k >= 1, got {c!r}, {n!r} and {k!r}")

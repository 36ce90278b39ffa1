"""The bootstrap (Efron 1979): items drawn again with replacement, or whole clusters of them.

For what the formulas of intervals.py do not reach: skewed scores, few items, metrics of a whole
corpus. The spread of the replicates is the standard error itself; it is not divided by the root
of their number. Each resampling takes a seed (see seeds.py), so that a figure is bit for bit the
same on repetition.

With at most 64 distinct values only their counts are drawn, from one multinomial: the same
distribution in milliseconds. Otherwise a few thousand items at a time, never all rounds at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import BadNumbers, Clusters, Floats, Values, codes, floats
from flywheel.stats.intervals import Interval
from flywheel.stats.quantiles import normal_quantile

Method = Literal["bca", "percentile"]

_FEW_VALUES = 64
# Draws in one go: 512 KiB of indices, which stay in the cache.
_CELLS = 2**16


def bootstrap_mean(
    values: Values,
    seed: int,
    rounds: int = 10_000,
    level: float = 0.95,
    clusters: Clusters = None,
    method: Method = "bca",
) -> Interval | None:
    """The mean with its bootstrap interval; for pairs pass the differences. None without values.

    `bca` corrects for bias and skew (Efron 1987), `percentile` does not. Values or clusters that
    are all equal can only be drawn as they are: `low` and `high` are then None.
    """
    items = floats(values)
    if items.size == 0:
        return None
    mean = float(items.mean())
    units = _units(items, clusters)
    drawn = _replicates(units, seed, rounds)
    if float(np.ptp(drawn)) < 1e-12:
        return Interval(mean, None, None)
    tail = (1 - level) / 2
    shares = np.array([tail, 1 - tail])
    if method == "bca":
        shares = _bca(units, drawn, mean, level)
    low, high = np.quantile(drawn, shares)
    return Interval(mean, float(low), float(high))


def bootstrap_error(
    values: Values, seed: int, rounds: int = 10_000, clusters: Clusters = None
) -> float | None:
    """The standard error of the mean: the spread of the replicates. None for one unit."""
    units = _units(floats(values), clusters)
    return float(_replicates(units, seed, rounds).std(ddof=1)) if len(units) > 1 else None


def replicates(
    values: Values, seed: int, rounds: int = 10_000, clusters: Clusters = None
) -> Floats:
    """The mean of each resample."""
    return _replicates(_units(floats(values), clusters), seed, rounds)


def paired_bootstrap_p(
    candidate: Floats,
    baseline: Floats,
    metric: Callable[[Floats], float],
    seed: int,
    rounds: int = 1_000,
) -> float:
    """Whether two systems differ by a metric of the whole corpus, such as BLEU (Koehn 2004).

    A row of statistics a segment, in the same order for both; `metric` scores their sum. p counts
    the replicates whose |difference| lies further above the mean of all |differences| than the
    |difference| observed, as sacrebleu's PairedTest does.
    """
    ours, theirs = _segments(candidate, baseline)
    rng = np.random.default_rng(seed)
    gaps = np.empty(rounds)
    for row in range(rounds):
        drawn = rng.integers(0, len(ours), len(ours))
        gaps[row] = metric(ours[drawn].sum(0)) - metric(theirs[drawn].sum(0))
    far = np.abs(gaps)
    return _share_above(far - far.mean(), abs(metric(ours.sum(0)) - metric(theirs.sum(0))))


def randomisation_p(
    candidate: Floats,
    baseline: Floats,
    metric: Callable[[Floats], float],
    seed: int,
    rounds: int = 10_000,
) -> float:
    """The same by approximate randomisation (Riezler and Maxwell 2005): segments swap systems."""
    ours, theirs = _segments(candidate, baseline)
    rng = np.random.default_rng(seed)
    both = ours.sum(0) + theirs.sum(0)
    gaps = np.empty(rounds)
    # Whole multiples of 32 rows, so that the stream of bits does not depend on how it is cut.
    at_once = max(32, _CELLS // max(len(ours), 1) // 32 * 32)
    for start in range(0, rounds, at_once):
        rows = min(at_once, rounds - start)
        swap = rng.integers(2, size=(rows, len(ours)), dtype=np.bool_)
        mixed = swap @ theirs + ~swap @ ours
        gaps[start : start + rows] = [metric(sums) - metric(both - sums) for sums in mixed]
    return _share_above(np.abs(gaps), abs(metric(ours.sum(0)) - metric(theirs.sum(0))))


def _segments(candidate: Floats, baseline: Floats) -> tuple[Floats, Floats]:
    ours, theirs = np.asarray(candidate, np.float64), np.asarray(baseline, np.float64)
    if ours.ndim != 2 or ours.shape != theirs.shape or not len(ours):
        raise BadNumbers(
            "wanted a row of statistics for each segment and both systems, got shapes "
            f"{ours.shape!r} and {theirs.shape!r}"
        )
    return ours, theirs


def _share_above(stats: Floats, observed: float) -> float:
    """How often chance goes further. Equal scores are no finding; sacrebleu has them as one."""
    if observed < 1e-12:
        return 1.0
    return (int((stats > observed).sum()) + 1) / (stats.size + 1)


def _units(items: Floats, clusters: Clusters) -> Floats:
    """What is drawn: a row of (sum, items) for each item or cluster."""
    index, groups = codes(clusters, items.size)
    if groups == items.size:
        return np.stack([items, np.ones(items.size)], axis=1)
    sums = np.bincount(index, weights=items, minlength=groups)
    sizes = np.bincount(index, minlength=groups)
    return np.stack([sums, sizes], axis=1).astype(np.float64)


def _replicates(units: Floats, seed: int, rounds: int) -> Floats:
    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(units, axis=0, return_counts=True)
    if len(distinct) <= _FEW_VALUES:
        shares = counts / counts.sum()
        sums = rng.multinomial(len(units), shares, rounds) @ distinct
        return sums[:, 0] / sums[:, 1]
    single = bool((units[:, 1] == 1.0).all())
    sums, sizes = units[:, 0].copy(), units[:, 1].copy()
    at_once = max(1, _CELLS // len(units))
    kept = np.empty((at_once, len(units)))
    drawn = np.empty(rounds)
    for start in range(0, rounds, at_once):
        index = rng.integers(0, len(units), (min(at_once, rounds - start), len(units)))
        total = _gather(sums, index, kept)
        here = slice(start, start + len(index))
        drawn[here] = total / (len(units) if single else _gather(sizes, index, kept))
    return drawn


def _gather(column: Floats, index: NDArray[np.int64], kept: Floats) -> Floats:
    # "clip" spares a second pass that checks every index, none of which is out of range, and one
    # buffer for all rounds spares fresh pages for each: together they halve the time.
    column.take(index, mode="clip", out=kept[: len(index)])
    return kept[: len(index)].sum(axis=1)


def _bca(units: Floats, drawn: Floats, mean: float, level: float) -> Floats:
    """Which quantiles of the replicates are the ends.

    Phi(z0 + (z0 + z) / (1 - a (z0 + z))): z0 from the share of replicates below the mean, a from
    the skew of the jackknife (Efron and Tibshirani 1993, section 14.3).
    """
    from scipy.special import ndtr, ndtri

    ties = np.abs(drawn - mean) < 1e-12
    below = float(((drawn < mean) & ~ties).mean() + ties.mean() / 2)
    sums, sizes = units.sum(0)
    left_out = (sums - units[:, 0]) / (sizes - units[:, 1])
    pull = left_out.mean() - left_out
    spread = float((pull**2).sum())
    skew = float((pull**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    # All on one side happens to a handful of rounds only; the correction is then kept finite.
    bias = float(ndtri(np.clip(below, 0.5 / drawn.size, 1 - 0.5 / drawn.size)))
    z = bias + normal_quantile(level) * np.array([-1.0, 1.0])
    return np.asarray(ndtr(bias + z / (1 - skew * z)), dtype=np.float64)

"""Do judges, or a judge and people, agree beyond chance?

Krippendorff's alpha (2004): 1 - observed / expected disagreement, for any number of raters and with
ratings missing. Cohen's kappa (1960; weighted 1968): the same for two raters who each have their
own habits. Both are 1 for perfect agreement, 0 for what chance gives, and undefined (None) when
only one value was ever given: nothing shows that the raters can tell values apart.

Both are functions of sums over items, so the bootstrap over items draws those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import BadNumbers, Floats
from flywheel.stats.intervals import Interval

Scale = Literal["nominal", "interval"]
Weights = Literal["linear", "quadratic"] | None
# A row a rater, a column an item; NaN where a rater gave none.
Ratings = Sequence[Sequence[float]] | Floats
# Sums over items, in rows, to coefficients; NaN where they are undefined.
_Coefficient = Callable[[Floats], Floats]


def krippendorff(ratings: Ratings, scale: Scale = "nominal") -> float | None:
    """Alpha: labels as numbers with "nominal", amounts with "interval". Missing is NaN."""
    sums, coefficient = _alpha(ratings, scale)
    return _said(coefficient(sums.sum(0, keepdims=True)))


def krippendorff_interval(
    ratings: Ratings, seed: int, scale: Scale = "nominal", rounds: int = 2_000, level: float = 0.95
) -> Interval | None:
    """Alpha with a percentile bootstrap interval over items."""
    return _interval(*_alpha(ratings, scale), seed, rounds, level)


def cohen_kappa(
    first: Sequence[float], second: Sequence[float], weights: Weights = None
) -> float | None:
    """Kappa: labels as numbers. Weights count how many places apart two labels stand."""
    sums, coefficient = _kappa(first, second, weights)
    return _said(coefficient(sums.sum(0, keepdims=True)))


def cohen_kappa_interval(
    first: Sequence[float],
    second: Sequence[float],
    seed: int,
    weights: Weights = None,
    rounds: int = 2_000,
    level: float = 0.95,
) -> Interval | None:
    """Kappa with a percentile bootstrap interval over items."""
    return _interval(*_kappa(first, second, weights), seed, rounds, level)


def _alpha(ratings: Ratings, scale: Scale) -> tuple[Floats, _Coefficient]:
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise BadNumbers(f"wanted a row of ratings for each rater, got shape {table.shape!r}")
    there = ~np.isnan(table)
    # A rating that no other meets says nothing of agreement.
    table, there = table[:, there.sum(0) > 1], there[:, there.sum(0) > 1]
    many = there.sum(0).astype(np.float64)
    if scale == "interval":
        centre = float(table[there].mean()) if many.size else 0.0
        filled = np.where(there, table - centre, 0.0)
        total, squares = filled.sum(0), (filled**2).sum(0)
        apart = 2 * (many * squares - total**2) / (many - 1)
        return np.stack([apart, many, total, squares], axis=1), _alpha_interval
    values = np.unique(table[there])
    counts = (
        np.stack([((table == v) & there).sum(0) for v in values], axis=1)
        if many.size
        else (np.zeros((0, 1)))
    )
    apart = (many**2 - (counts**2).sum(1)) / (many - 1)
    return np.column_stack([apart, many, counts]).astype(np.float64), _alpha_nominal


def _alpha_nominal(sums: Floats) -> Floats:
    apart, many, counts = sums[:, 0], sums[:, 1], sums[:, 2:]
    return _one_less(apart * (many - 1), many**2 - (counts**2).sum(1))


def _alpha_interval(sums: Floats) -> Floats:
    apart, many, total, squares = sums.T
    return _one_less(apart * (many - 1), 2 * (many * squares - total**2))


def _kappa(
    first: Sequence[float], second: Sequence[float], weights: Weights
) -> tuple[Floats, _Coefficient]:
    if len(first) != len(second):
        raise BadNumbers(f"wanted pairs of labels, got {len(first)!r} and {len(second)!r}")
    values, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = values.size
    cells = np.zeros((len(first), size * size))
    cells[np.arange(len(first)), place[: len(first)] * size + place[len(first) :]] = 1.0
    gap = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    cost = gap**2 if weights == "quadratic" else gap if weights == "linear" else gap > 0

    def coefficient(sums: Floats) -> Floats:
        table = sums.reshape(len(sums), size, size)
        observed = (table * cost).sum((1, 2)) * table.sum((1, 2))
        return _one_less(observed, np.einsum("ri,ij,rj->r", table.sum(2), cost, table.sum(1)))

    return cells, coefficient


def _one_less(observed: Floats, expected: Floats) -> Floats:
    some = expected > 1e-12
    return np.where(some, 1 - observed / np.where(some, expected, 1.0), np.nan)


def _said(found: Floats) -> float | None:
    return None if np.isnan(found[0]) else float(found[0])


def _interval(
    items: Floats, coefficient: _Coefficient, seed: int, rounds: int, level: float
) -> Interval | None:
    """Percentiles of the coefficient over resamples that have one.

    Where all of them agree wholly, drawing again shows no doubt, and low and high are None.
    """
    found = _said(coefficient(items.sum(0, keepdims=True)))
    if found is None:
        return None
    distinct, counts = np.unique(items, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(items), counts / counts.sum(), rounds) @ distinct
    values = coefficient(drawn.astype(np.float64))
    values = values[~np.isnan(values)]
    if values.size < 2 or float(np.ptp(values)) < 1e-12:
        return Interval(found, None, None)
    tail: NDArray[np.float64] = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(found, float(tail[0]), float(tail[1]))

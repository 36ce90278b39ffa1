"""Whether one score follows another as it used to: the gain to expect of it, and whether it lags.

The expected gain is estimated too, from the same items. So it comes as one value an item, whose
mean is the estimate and whose spread is its error (the linearization of Binder 1983): subtracted
item by item from the gains that were seen, it carries all covariances along, and the error of the
mean difference may be that of clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import Clusters, Floats
from flywheel.stats.intervals import clustered_error, effective_items
from flywheel.stats.quantiles import t_quantile

_LEAST_SPREAD = 1e-9
_MOST_LEVELS = 5
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Follows:
    """A mean gain beside the share of an expected one that was asked for.

    `short` is the gain less what was asked; `low` and `high` are its one-sided bounds, None when
    there is too little to tell. `reach` is how far below 0 it must be to be shown.
    """

    moved: float
    asked: float
    short: float
    high: float | None
    reach: float | None

    @property
    def lags(self) -> bool:
        """Whether the gain is shown to be below what was asked."""
        return self.high is not None and self.high < 0

    @property
    def could_lag(self) -> bool:
        """Whether a score that did not move at all would have been shown to lag."""
        return self.reach is not None and self.asked > self.reach


class Levels:
    """What `score` was, on average, where `on` had a value like this one.

    Each value is a level of its own where there are few; many are cut into fifths. A level that few
    items have belongs to the one below it, and a value between two levels to the lower one, so that
    nothing is expected that was not seen.
    """

    def __init__(self, score: Floats, on: Floats) -> None:
        self._score, self._then = score, on
        values = np.unique(np.round(on, 9))
        if values.size > _MOST_LEVELS:
            values = np.unique(np.quantile(on, np.arange(_MOST_LEVELS) / _MOST_LEVELS))
        self._floors = values
        while self._floors.size > 1:
            counts = np.bincount(self._at(on), minlength=self._floors.size)
            few = np.flatnonzero(counts < _FEWEST)
            if not few.size:
                break
            self._floors = np.delete(self._floors, max(int(few[0]), 1))
        where = self._at(on)
        self._share = np.bincount(where, minlength=self._floors.size) / on.size
        self._mean = np.bincount(where, weights=score) / on.size / self._share

    def of(self, on: Floats) -> Floats:
        """The mean at the level of each value."""
        return self._mean[self._at(on)]

    def gains(self, now: Floats) -> Floats:
        """The gain of the score to expect when what it was seen with became `now`."""
        where = self._at(now)
        more = np.bincount(where, minlength=self._floors.size) / now.size - self._share
        then = self._at(self._then)
        errors = (more / self._share)[then] * (self._score - self._mean[then])
        return self._mean[where] - self._mean[then] + errors

    def _at(self, values: Floats) -> NDArray[np.intp]:
        found = np.searchsorted(self._floors, values + _LEAST_SPREAD, side="right") - 1
        return np.clip(found, 0, self._floors.size - 1)


def by_share(way: Floats, gains: Floats) -> Floats:
    """The gain to expect when the score goes as large a share of its `way` as `gains` are."""
    mean, share = float(way.mean()), float(gains.mean())
    return share * way + mean * gains - mean * share


def follows(
    gains: Floats, expected: Floats, share: float, clusters: Clusters, level: float, size: float
) -> Follows:
    """Hold gains against this share of the expected ones, at this one-sided level.

    `size` is how much of the score one change moves. Where few items changed, their spread says
    little; a score that rises as asked does so by whole changes, and no less than the error of a
    count of those is taken (Anscombe 1948).
    """
    apart = gains - share * expected
    asked = share * float(expected.mean())
    short = float(apart.mean())
    error, groups = clustered_error(apart, clusters)
    if not math.isfinite(error):
        return Follows(float(gains.mean()), asked, short, None, None)
    items = min(effective_items(apart, clusters)[0], float(apart.size))
    least = _count_error(max(0.0, asked) * items / size) * size / items
    reach = t_quantile(groups - 1, 1 - 2 * level) * max(error, least)
    return Follows(float(gains.mean()), asked, short, short + reach, reach)


def size_of(*changes: Floats) -> float:
    """How much one change moves a score, from changes that were seen; all of it without any."""
    seen = np.abs(np.concatenate(changes))
    total = float(seen.sum())
    return float(seen @ seen) / total if total > _LEAST_SPREAD else 1.0


def _count_error(expected: float) -> float:
    """The standard error by which a Poisson count of 0 is that much below what was expected."""
    if expected < _LEAST_SPREAD:
        return 0.0
    return expected / (2 * (math.sqrt(expected + 3 / 8) - math.sqrt(3 / 8)))

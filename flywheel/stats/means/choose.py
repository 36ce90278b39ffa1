"""Which test a mean gets: by its groups, by the kind of its scores, and by their range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import BadNumbers, Floats
from flywheel.stats.means.grouped import FEWEST_GROUPS, Grouped, effective_groups
from flywheel.stats.means.mean_test import MeanTest
from flywheel.stats.means.one_by_one import Bounded, Student

Range = tuple[float, float]
# Scores that a formula computed may pass the end of their range by rounding.
_ROUNDING = 1e-9


def check_range(values: Floats, range_: Range | None) -> None:
    """Raise BadNumbers where a value lies outside the declared range."""
    if range_ is None or not values.size:
        return
    outside = values[(values < range_[0] - _ROUNDING) | (values > range_[1] + _ROUNDING)]
    if outside.size:
        raise BadNumbers(
            f"the score {float(outside[0]):g} lies outside its declared range"
            f" [{range_[0]:g}, {range_[1]:g}]; declare the range that the grader has"
        )


def size_of_groups(index: NDArray[np.int64]) -> float:
    """The effective number of groups."""
    return effective_groups(np.bincount(index).astype(np.float64))


def grouped_test(values: Floats, index: NDArray[np.int64], range_: Range | None) -> MeanTest | None:
    """The test of grouped values; None where there are too few groups for any."""
    if size_of_groups(index) < FEWEST_GROUPS:
        return None
    test = Grouped.of(values, index, range_)
    return test if range_ is not None or test.has_spread else None


def single_test(values: Floats, range_: Range | None) -> MeanTest | None:
    """The test of values that stand for themselves; None where nothing is known of their spread."""
    if range_ is not None:
        return Bounded.of(values, range_)
    if values.size < 2 or float(np.ptp(values)) < 1e-12:
        return None
    error = float(values.std(ddof=1)) / values.size**0.5
    return Student(float(values.mean()), error, values.size - 1)

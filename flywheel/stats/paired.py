"""The paired comparison: candidate against baseline on the same items.

What differs between items falls out of the differences, so pairs need far fewer items than two
separate means (Miller 2024, section 4). The data choose the method:

- `tango`: pass/fail. Tango's score interval and McNemar's mid-p.
- `gaffke`: scores with a declared range. Rare large losses cannot fool it.
- `t`: scores without one. The paired t trusts the spread that was seen: fit to look at, not to
  decide by.
- `groups`: items in groups; see means/grouped.py. Below 8 effective groups there is no interval.

Nothing here corrects for looking twice or for having many candidates: see many/.
"""

from __future__ import annotations

from dataclasses import dataclass

from flywheel.stats.arrays import Clusters, Values, codes, differences, floats, is_pass_fail
from flywheel.stats.means.choose import (
    Range,
    check_range,
    grouped_test,
    single_test,
    size_of_groups,
)
from flywheel.stats.means.grouped import FEWEST_GROUPS
from flywheel.stats.means.mean_test import MeanTest, interval, two_sided_p
from flywheel.stats.means.one_by_one import Matched


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean difference, candidate less baseline. What cannot be said is None."""

    n: int
    clusters: int  # as many as items when there are no clusters
    effective: float  # clusters of one size that would count as much
    difference: float
    low: float | None
    high: float | None
    p: float | None  # two-sided, of no difference
    wins: int
    losses: int
    ties: int
    sd: float | None  # of the differences, None for one item
    method: str
    bounded: bool = True  # whether the scores have a range, so that rare losses are accounted for

    @property
    def has_too_few_groups(self) -> bool:
        """Whether the groups are too few or too unequal for any interval."""
        return self.clusters < self.n and self.effective < FEWEST_GROUPS


def paired(
    candidate: Values,
    baseline: Values,
    clusters: Clusters = None,
    level: float = 0.95,
    range_: Range | None = None,
) -> Paired | None:
    """Compare item means, None without items.

    `range_` are the lowest and the highest score that the grader can give, None where nobody
    declared them.
    """
    gaps = differences(candidate, baseline)
    if gaps.size == 0:
        return None
    test = paired_test(candidate, baseline, clusters, range_)
    low, high = interval(test, level)
    index, groups = codes(clusters, gaps.size)
    return Paired(
        n=gaps.size,
        clusters=groups,
        effective=size_of_groups(index),
        difference=float(gaps.mean()),
        low=low,
        high=high,
        p=test and two_sided_p(test),
        wins=int((gaps > 0).sum()),
        losses=int((gaps < 0).sum()),
        ties=int((gaps == 0).sum()),
        sd=float(gaps.std(ddof=1)) if gaps.size > 1 else None,
        method=test.method if test else "none",
        bounded=range_ is not None or _is_pass_fail(candidate, baseline),
    )


def paired_test(
    candidate: Values, baseline: Values, clusters: Clusters, range_: Range | None
) -> MeanTest | None:
    """The test of the mean difference; None where the data say nothing."""
    ours, theirs = floats(candidate), floats(baseline)
    gaps = differences(ours, theirs)
    for side in (ours, theirs):
        check_range(side, range_)
    index, groups = codes(clusters, gaps.size)
    pass_fail = range_ in (None, (0.0, 1.0)) and _is_pass_fail(ours, theirs)
    if groups < gaps.size:
        return grouped_test(gaps, index, _of_gaps((0.0, 1.0) if pass_fail else range_))
    if pass_fail:
        return Matched(int((gaps > 0).sum()), int((gaps < 0).sum()), gaps.size)
    return single_test(gaps, _of_gaps(range_))


def _is_pass_fail(*sides: Values) -> bool:
    return all(is_pass_fail(floats(side)) for side in sides)


def _of_gaps(range_: Range | None) -> Range | None:
    """How far two scores of this range can lie apart."""
    return None if range_ is None else (range_[0] - range_[1], range_[1] - range_[0])

"""Data of which the truth is known, hard for intervals: for truth.py.

A layout says how many items there are and which of them share a group. A kind draws differences of
candidate and baseline whose true mean is 0: item by item where groups do not matter, else with a
part that the items of a group share. All lie between -1 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from flywheel.stats.arrays import Floats

Index = NDArray[np.int64]
Draw = Callable[[Generator, Index, int], Floats]


class Layout(NamedTuple):
    """The sizes of groups; groups of one are items that stand for themselves."""

    name: str
    sizes: tuple[int, ...]

    @property
    def labels(self) -> Index:
        """The group of each item."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def alone(self) -> bool:
        """Whether no two items share a group."""
        return max(self.sizes) == 1


ALONE = [Layout(f"{n} items", (1,) * n) for n in (20, 50, 200, 1000)]
GROUPED = [
    Layout("10 groups of 20", (20,) * 10),
    Layout("40 groups of 5", (5,) * 40),
    Layout("100 groups of 2", (2,) * 100),
    Layout("30 alone and 12 groups of 10", (1,) * 30 + (10,) * 12),
    Layout("ever smaller groups", tuple(max(1, 60 // k) for k in range(1, 41))),
]
EXTREME = [
    Layout("one group of 100 and 20 of 5", (100, *(5,) * 20)),
    Layout("three groups of 40 and three of 2", (40,) * 3 + (2,) * 3),
]


def pass_fail(share: float) -> Draw:
    """Pass/fail pairs, a share of which differ; in groups, those of a group lean to one side."""

    def draw(rng: Generator, index: Index, groups: int) -> Floats:
        lean = np.zeros(index.size) if groups == index.size else rng.normal(0, 0.3, groups)[index]
        side = np.where(rng.random(index.size) < 0.5 + lean, 1.0, -1.0)
        return np.where(rng.random(index.size) < share, side, 0.0)

    return draw


def uniform(rng: Generator, index: Index, groups: int) -> Floats:
    """Graded scores, evenly spread; in groups half of the spread is shared."""
    if groups == index.size:
        return rng.uniform(-0.6, 0.6, index.size)
    return rng.uniform(-0.4, 0.4, groups)[index] + rng.uniform(-0.4, 0.4, index.size)


def skewed(rng: Generator, index: Index, groups: int) -> Floats:
    """Many small gains and ever fewer ever larger losses; in groups a symmetric part is shared."""
    values = 0.9 * (0.125 - rng.beta(0.5, 3.5, index.size))
    shared = 0.0 if groups == index.size else rng.uniform(-0.1, 0.1, groups)[index]
    return values + shared


def rare_losses(share: float) -> Draw:
    """A small gain nearly everywhere, and rarely the loss of everything; the mean is 0."""

    def draw(rng: Generator, index: Index, groups: int) -> Floats:
        del groups
        gain = share / (1 - share) * rng.uniform(0.5, 1.5, index.size)
        return np.where(rng.random(index.size) < share, -1.0, gain)

    return draw


def zero_inflated(rng: Generator, index: Index, groups: int) -> Floats:
    """Nine of ten items tie."""
    values = rng.uniform(-0.8, 0.8, index.size)
    shared = np.zeros(index.size) if groups == index.size else rng.uniform(-0.2, 0.2, groups)[index]
    return np.where(rng.random(index.size) < 0.9, 0.0, values + shared)


def zero_inflated_losses(rng: Generator, index: Index, groups: int) -> Floats:
    """Nearly all items tie, a few gain a quarter, and one in a hundred loses everything."""
    del groups
    return rng.choice([0.0, 0.25, -1.0], index.size, p=[0.95, 0.04, 0.01])


def repeats(rng: Generator, index: Index, groups: int) -> Floats:
    """Three pass/fail answers an item and side, averaged within the item."""
    skill = rng.beta(0.6, 0.6, index.size)
    if groups < index.size:
        lean = rng.uniform(-0.15, 0.15, groups)[index]
        ours, theirs = np.clip(skill + lean, 0, 1), np.clip(skill - lean, 0, 1)
    else:
        ours = theirs = skill
    return (rng.binomial(3, ours) - rng.binomial(3, theirs)) / 3


# The share of pairs that differ.
PASS_FAIL = {
    "pass/fail, 5% differ": 0.05,
    "pass/fail, 30% differ": 0.3,
    "pass/fail, all differ": 1.0,
}
KINDS: dict[str, Draw] = {
    **{name: pass_fail(share) for name, share in PASS_FAIL.items()},
    "graded, uniform": uniform,
    "graded, skewed": skewed,
    "graded, 2% lose all": rare_losses(0.02),
    "graded, 0.5% lose all": rare_losses(0.005),
    "graded, 90% tie": zero_inflated,
    "graded, 95% tie and 1% lose all": zero_inflated_losses,
    "three answers an item": repeats,
}


def sides(gaps: Floats) -> tuple[Floats, Floats]:
    """Scores of a candidate and a baseline that differ by this, between 0 and 1."""
    baseline = np.clip(-gaps, 0.0, 1.0)
    return baseline + gaps, baseline

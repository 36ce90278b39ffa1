"""Gaffke's bound: against the exact one for two values, against drawing, and against fooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from flywheel.stats.means.gaffke import chance_below_zero
from flywheel.stats.means.one_by_one import Bounded
from flywheel.stats.paired import paired

stats: Any = scipy.stats


@pytest.mark.parametrize("alpha", [0.2, 0.025, 0.001, 0.00012, 1e-6])
@pytest.mark.parametrize(("high", "n"), [(12, 20), (20, 20), (60, 100), (100, 100), (520, 1000)])
def test_two_values_get_the_bound_of_clopper_and_pearson(high: int, n: int, alpha: float) -> None:
    exact = stats.beta.ppf(alpha, high, n - high + 1)
    test = Bounded.of(np.repeat([1.0, 0.0], [high, n - high]), (0.0, 1.0))
    assert alpha * 0.9999 <= test.p_at_most(exact) <= 1.05 * alpha


def test_the_chance_is_the_share_of_draws() -> None:
    rng = np.random.default_rng(1)
    values = rng.beta(2, 3, 40)
    for mean in (0.25, 0.3, 0.35, values.mean(), 0.5):
        terms = np.append(values, 0.0) - mean
        drawn = rng.exponential(size=(200_000, 41)) @ terms <= 0
        found = chance_below_zero(terms, np.ones(41))
        assert found == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 200_000**0.5 + 1e-3)


def test_p_rises_without_a_step() -> None:
    test = Bounded.of(np.random.default_rng(2).normal(0.1, 0.2, 50).clip(-1, 1), (-1.0, 1.0))
    means = np.linspace(-0.9, test.estimate, 4001)
    steps = np.diff([test.p_at_most(mean) for mean in means])
    assert (steps >= -1e-12).all() and steps.max() < 0.005


def test_gains_nearly_everywhere_do_not_hide_that_losses_were_never_seen() -> None:
    """A mean of 0: one item in fifty loses all, and the others gain a little."""
    rng = np.random.default_rng(3)
    fooled = {"gaffke": 0, "t": 0}
    for _ in range(400):
        gaps = np.where(rng.random(50) < 0.02, -1.0, 0.0204 * rng.uniform(0.5, 1.5, 50))
        for name, range_ in (("gaffke", (0.0, 1.0)), ("t", None)):
            base = np.where(gaps < 0, 1.0, 0.5)
            found = paired(base + gaps, base, range_=range_)
            assert found is not None and found.low is not None
            fooled[name] += found.low > 0
    assert fooled["t"] > 100 and fooled["gaffke"] <= 10


def test_the_ends_of_the_range() -> None:
    lowest, highest = Bounded.of(np.zeros(20), (0.0, 1.0)), Bounded.of(np.ones(20), (0.0, 1.0))
    assert (lowest.low(0.025), highest.high(0.025)) == (0.0, 1.0)
    assert lowest.high(0.025) == pytest.approx(1 - 0.025 ** (1 / 20), rel=0.01)
    assert highest.low(0.00012) == pytest.approx(0.00012 ** (1 / 20), rel=0.01)


def test_a_million_items_take_seconds() -> None:
    values = np.random.default_rng(4).random(1_000_000)
    test = Bounded.of(values, (0.0, 1.0))
    low = test.low(0.025)
    assert low == pytest.approx(values.mean() - 1.96 * values.std() / 1000, abs=1e-5)

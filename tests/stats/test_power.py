"""Power: statsmodels' figures, exact sums, and whether the tests keep what power promised."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import statsmodels.stats.power

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.paired import paired, paired_test
from flywheel.stats.power import (
    items_for_pass_fail,
    items_needed,
    miller_variance,
    minimum_effect,
    paired_sd,
    power_of,
    power_of_pass_fail,
)

stats: Any = scipy.stats
TTEST: Any = getattr(statsmodels.stats.power, "TTestPower")()  # noqa: B009 - it has no types


@pytest.mark.parametrize("n", [5, 30, 400, 20_000])
@pytest.mark.parametrize("effect", [0.0, 0.05, 0.3, -0.3])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_power_is_that_of_the_paired_t(n: int, effect: float, alpha: float) -> None:
    wanted = TTEST.power(abs(effect) / 0.5, n, alpha)
    found = power_of(n, effect, 0.5, alpha)
    # statsmodels says "not a number" where nothing but certainty is left.
    assert found == pytest.approx(1.0 if math.isnan(wanted) else wanted, abs=1e-6)


@pytest.mark.parametrize(("effect", "sd"), [(0.05, 0.4), (0.1, 0.4), (0.5, 0.4), (0.01, 0.3)])
def test_as_many_items_as_statsmodels_says(effect: float, sd: float) -> None:
    wanted = TTEST.solve_power(effect_size=effect / sd, alpha=0.05, power=0.8)
    assert items_needed(effect, sd) == math.ceil(wanted)
    miller = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * sd**2 / effect**2
    assert 0 <= items_needed(effect, sd) - miller <= 4


def test_the_smallest_effect_is_the_inverse_of_the_items() -> None:
    found = minimum_effect(200, 0.4)
    assert found is not None
    assert power_of(200, found, 0.4) == pytest.approx(0.8, abs=1e-9)
    assert items_needed(found + 1e-9, 0.4) == 200
    assert minimum_effect(1, 0.4) is None
    assert minimum_effect(20, 0.0) == 0.0


def test_clusters_need_as_many_more_items_as_their_design_effect() -> None:
    assert items_needed(0.05, 0.4, design=2.0) == pytest.approx(2 * items_needed(0.05, 0.4), abs=1)
    pair = items_for_pass_fail(0.1, 0.2), items_for_pass_fail(0.1, 0.2, design=1.5)
    assert pair[1] == math.ceil(1.5 * pair[0])


@pytest.mark.parametrize(("n", "effect"), [(1, 0.1), (0, 0.1)])
def test_too_few_items_find_nothing(n: int, effect: float) -> None:
    assert power_of(n, effect, 0.3) == power_of_pass_fail(0, effect, 0.3) == 0.0


def test_more_answers_an_item_leave_the_variance_between_items() -> None:
    assert miller_variance(0.1, 0.2, 0.3) == pytest.approx(0.6)
    assert miller_variance(0.1, 0.2, 0.3, k_a=4, k_b=2) == pytest.approx(0.3)


# Miettinen's approximation says 155, 626 and 3,923; the sum over what may differ a little less.
@pytest.mark.parametrize(("effect", "about"), [(0.1, 155), (0.05, 626), (0.02, 3923)])
def test_items_for_pass_fail_are_near_the_textbooks(effect: float, about: int) -> None:
    found = items_for_pass_fail(effect, 0.2)
    assert found == pytest.approx(about, rel=0.03)
    assert power_of_pass_fail(found, effect, 0.2) >= 0.8
    assert power_of_pass_fail(found - 1, effect, 0.2) < 0.8


def test_power_for_pass_fail_is_the_sum_over_all_tables() -> None:
    n, effect, discordance = 25, 0.2, 0.4
    total = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            share = [0.3, 0.1, 0.6]
            chance = stats.multinomial.pmf([wins, losses, n - wins - losses], n, share)
            m, fewer = wins + losses, min(wins, losses)
            p = 2 * stats.binom.cdf(fewer, m, 0.5) - stats.binom.pmf(fewer, m, 0.5)
            total += chance * (p <= 0.05 and wins != losses)
    assert power_of_pass_fail(n, effect, discordance) == pytest.approx(total, abs=1e-9)


def test_an_effect_cannot_be_larger_than_what_differs() -> None:
    with pytest.raises(BadNumbers, match=r"an effect of 0\.3 needs between 0\.3 and 1"):
        items_for_pass_fail(0.3, 0.2)
    with pytest.raises(BadNumbers, match="an effect other than 0"):
        items_needed(0.0, 0.2)
    assert paired_sd(0.2, 0.1) == pytest.approx(math.sqrt(0.19))
    assert items_for_pass_fail(1.0, 1.0) == 5, "five wins to none"


def test_the_comparison_keeps_what_power_promised_for_pass_fail() -> None:
    rng = np.random.default_rng(11)
    n = items_for_pass_fail(0.1, 0.2)
    tables = rng.multinomial(n, [0.15, 0.05, 0.8], 1500)
    found = 0
    for wins, losses, _ in tables:
        ours = np.zeros(n)
        theirs = np.zeros(n)
        ours[:wins] = 1
        theirs[wins : wins + losses] = 1
        result = paired(ours, theirs)
        found += result is not None and result.low is not None and result.low > 0
    assert found / 1500 == pytest.approx(0.8, abs=0.03)


def test_the_comparison_keeps_what_power_promised_for_graded_scores() -> None:
    rng = np.random.default_rng(12)
    n = items_needed(0.05, 0.2, power=0.9)
    found = 0
    for _ in range(1500):
        base = rng.random(n)
        result = paired(base + rng.normal(0.05, 0.2, n), base)
        found += result is not None and result.p is not None and result.p <= 0.05
    assert found / 1500 == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(("n", "sd"), [(100, 0.3), (50, 0.5), (400, 0.2)])
def test_scores_with_a_range_are_planned_by_gaffkes_bound(n: int, sd: float) -> None:
    rng = np.random.default_rng(n)
    effect = 3 * sd / n**0.5
    found = 0
    for _ in range(800):
        gaps = rng.uniform(-(3**0.5) * sd, 3**0.5 * sd, n) + effect
        test = paired_test(0.5 + gaps / 2, 0.5 - gaps / 2, None, (-0.5, 1.5))
        assert test is not None
        found += test.p_at_most(0.0) <= 0.025
    planned = power_of(n, effect, sd, reach=2.0)
    # Three points of what plan promises, and three standard errors of 800 trials.
    assert planned == pytest.approx(found / 800, abs=0.03 + 3 * (0.25 / 800) ** 0.5)
    assert planned < power_of(n, effect, sd), "t trusts the spread that was seen"
    assert items_needed(effect, sd, reach=2.0) > items_needed(effect, sd)

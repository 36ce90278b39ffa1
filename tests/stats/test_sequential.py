"""Looking more than once: what looks spend, and how seldom equal models ever seem better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.many.sequential import alpha_at, anytime_p, e_value

integrate: Any = scipy.integrate


def test_the_first_look_is_the_ordinary_interval_and_all_stay_under_alpha() -> None:
    assert alpha_at(1) == 0.025
    assert [alpha_at(k, 0.12) for k in (1, 2, 3)] == pytest.approx([0.06, 0.02, 0.01])
    spent = sum(alpha_at(k) for k in range(1, 10_000))
    assert 0.0499 < spent < 0.05
    with pytest.raises(BadNumbers, match="from 1, got 0"):
        alpha_at(0)


def test_wins_and_losses_get_the_mixture() -> None:
    def ratio(p: float) -> float:
        return 2 * (2 * p) ** 7 * (2 * (1 - p)) ** 2

    wanted = integrate.quad(ratio, 0.5, 1)[0]
    assert e_value([1, 1, 0, -1, 1, 1, 0, 1, -1, 1, 1]) == pytest.approx(wanted)


def test_no_item_is_no_evidence() -> None:
    assert e_value([]) == anytime_p([]) == e_value([0.0, 0.0]) == anytime_p([-1.0, -0.5]) == 1.0


def test_ties_change_nothing_and_the_most_there_ever_was_counts() -> None:
    assert e_value([1, 0, 0, 1]) == e_value([1, 1])
    assert anytime_p([1] * 12 + [-1] * 12) == anytime_p([1] * 12) < 0.01


def test_a_bet_rests_on_what_came_before() -> None:
    # The first bet is nothing; the second is mean / mean square with the prior item, 0.25 / 0.625.
    assert e_value([0.5, 0.2]) == pytest.approx(1 + (0.5 / 1.25) * 0.2)


def test_what_lies_outside_the_bounds_is_refused() -> None:
    with pytest.raises(BadNumbers, match="got one outside"):
        e_value([0.5, 1.5])
    with pytest.raises(BadNumbers, match="below and above 0"):
        e_value([0.5], low=0.0)
    assert e_value([2.0, 1.5, 1.0], low=-2.0, high=2.0) > 1.0


def draw(rng: np.random.Generator, kind: str, gap: float) -> Any:
    if kind == "pass/fail":
        return rng.choice([1.0, -1.0, 0.0], 500, p=[(0.3 + gap) / 2, (0.3 - gap) / 2, 0.7])
    return np.clip(rng.normal(gap, 0.2, 500), -1, 1)


@pytest.mark.parametrize("kind", ["pass/fail", "graded"])
def test_watching_equal_models_seldom_ends_in_a_finding(kind: str) -> None:
    rng = np.random.default_rng(3)
    wrong = np.mean([anytime_p(draw(rng, kind, 0.0)) <= 0.05 for _ in range(1500)])
    found = np.mean([anytime_p(draw(rng, kind, 0.1)) <= 0.05 for _ in range(200)])
    assert wrong <= 0.05
    assert found > 0.85

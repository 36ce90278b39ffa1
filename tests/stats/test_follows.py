"""Whether one score follows another: the expected gain, and when it is shown to be missing."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel.stats.follows import Levels, by_share, follows, size_of

RIGHT = np.array([1.0] * 40 + [0.0] * 60)
# Answers that are right have an audit of 0.9, wrong ones of 0.5.
AUDIT = np.where(RIGHT == 1, 0.9, 0.5)


def test_a_gain_is_expected_as_large_as_between_levels_that_were_seen() -> None:
    now = np.array([1.0] * 70 + [0.0] * 30)
    expected = Levels(AUDIT, RIGHT).gains(now)
    assert expected.mean() == pytest.approx(0.3 * 0.4)
    assert Levels(AUDIT, RIGHT).of(np.array([0.0, 0.5, 1.0, 7.0])) == pytest.approx(
        [0.5, 0.5, 0.9, 0.9]
    )


def test_where_nothing_else_was_seen_nothing_is_expected() -> None:
    assert Levels(AUDIT, np.zeros(100)).gains(np.ones(100)).mean() == pytest.approx(0)
    rare = np.array([1.0] * 3 + [0.0] * 97)
    assert Levels(AUDIT, rare).gains(np.ones(100)).mean() == pytest.approx(0), "three are few"


def test_the_error_of_the_expectation_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    reward = (rng.random(200) < 0.4).astype(float)
    audit = np.clip(0.5 + 0.4 * reward + rng.normal(0, 0.1, 200), 0, 1)
    later = np.maximum(reward, (rng.random(200) < 0.3).astype(float))
    ours = Levels(audit, reward).gains(later)
    means: list[float] = []
    for _ in range(400):
        at = rng.integers(0, 200, 200)
        means.append(Levels(audit[at], reward[at]).gains(later[at]).mean())
    assert ours.std() / np.sqrt(200) == pytest.approx(np.std(means), rel=0.15)


@pytest.mark.parametrize(("moved", "lags"), [(0.0, True), (0.02, True), (0.1, False), (0.3, False)])
def test_a_gain_below_the_share_that_is_asked_is_shown_to_lag(moved: float, lags: bool) -> None:
    gains = np.zeros(400)
    gains[: round(400 * moved)] = 1.0
    found = follows(gains, np.full(400, 0.3), 1 / 3, None, 0.0125, 1.0)
    assert found.asked == pytest.approx(0.1) and found.lags is lags and found.could_lag


def test_with_few_items_or_one_group_nothing_is_shown() -> None:
    few = follows(np.zeros(12), np.full(12, 0.3), 1 / 3, None, 0.0125, 1.0)
    assert not few.lags and not few.could_lag
    one = follows(np.zeros(400), np.full(400, 0.3), 1 / 3, ["a"] * 400, 0.0125, 1.0)
    assert one.high is None and not one.lags


def test_a_share_of_the_way_and_the_size_of_a_change() -> None:
    way, gains = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.0, 0.0])
    assert by_share(way, gains).mean() == pytest.approx(0.125)
    assert size_of(np.array([0.0, 0.2, 0.2])) == pytest.approx(0.2)
    assert size_of(np.zeros(3)) == 1.0

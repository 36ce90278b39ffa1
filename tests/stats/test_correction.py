"""Corrections of a judge: the formula, what cannot be corrected, and how often they are right."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.intervals import mean_interval
from flywheel.stats.judges.correction import Share, ppi_mean, rogan_gladen


def test_the_estimate_undoes_the_judges_errors() -> None:
    # A true rate of 0.4, sensitivity 0.9 and specificity 0.8 show as 0.36 + 0.12.
    found = rogan_gladen(Share(480, 1000), Share(90, 100), Share(80, 100))
    assert found is not None and found.low is not None and found.high is not None
    assert found.mean == pytest.approx(0.4)
    assert 0.25 < found.low < 0.4 < found.high < 0.55


def test_the_interval_is_wider_than_that_of_a_judge_never_wrong() -> None:
    sure = rogan_gladen(Share(480, 1000), Share(10**6, 10**6), Share(10**6, 10**6))
    unsure = rogan_gladen(Share(480, 1000), Share(30, 30), Share(30, 30))
    wanted = mean_interval([1.0] * 480 + [0.0] * 520)
    assert sure is not None and unsure is not None and wanted is not None
    assert (sure.low, sure.high) == pytest.approx((wanted.low, wanted.high), abs=0.002)
    assert (unsure.high or 0) - (unsure.low or 0) > 1.3 * ((sure.high or 0) - (sure.low or 0))


@pytest.mark.parametrize(
    ("sensitivity", "specificity"),
    [(Share(5, 10), Share(5, 10)), (Share(2, 10), Share(1, 10)), (Share(0, 0), Share(9, 10))],
)
def test_a_judge_no_better_than_a_coin_cannot_be_corrected(
    sensitivity: Share, specificity: Share
) -> None:
    assert rogan_gladen(Share(48, 100), sensitivity, specificity) is None


def test_one_label_of_each_kind_says_next_to_nothing() -> None:
    found = rogan_gladen(Share(48, 100), Share(1, 1), Share(1, 1))
    assert found is not None and (found.low, found.high) == (0.0, 1.0)
    edge = rogan_gladen(Share(48, 100), Share(6, 10), Share(5, 10))
    assert edge is not None and (edge.low, edge.high) == (0.0, 1.0)


def test_shares_beyond_the_whole_are_refused() -> None:
    with pytest.raises(BadNumbers, match="0 <= passed <= n"):
        rogan_gladen(Share(5, 4), Share(1, 2), Share(1, 2))
    with pytest.raises(BadNumbers, match="wanted pairs"):
        ppi_mean([1.0], [1.0], [1.0, 0.0])


@pytest.mark.parametrize(
    ("truth", "se", "sp"), [(0.5, 0.9, 0.8), (0.8, 0.85, 0.7), (0.1, 0.9, 0.9)]
)
def test_rogan_gladen_holds_the_truth_as_often_as_it_says(
    truth: float, se: float, sp: float
) -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(2000):
        found = rogan_gladen(
            Share(rng.binomial(500, truth * se + (1 - truth) * (1 - sp)), 500),
            Share(rng.binomial(60, se), 60),
            Share(rng.binomial(60, sp), 60),
        )
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.93 <= held / 2000 <= 0.98


def judged(
    rng: np.random.Generator, n: int, skill: float
) -> tuple[
    np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]
]:
    human = rng.binomial(1, 0.6, n).astype(np.float64)
    return human, np.where(rng.random(n) < skill, human, rng.random(n))


@pytest.mark.parametrize("skill", [0.0, 0.8])
def test_ppi_holds_the_truth_and_a_skilled_judge_narrows_it(skill: float) -> None:
    rng = np.random.default_rng(4)
    held, widths, weights, alone = 0, 0.0, 0.0, 0.0
    for _ in range(1000):
        (human, known), (_, wide) = judged(rng, 80, skill), judged(rng, 800, skill)
        found = ppi_mean(wide, known, human)
        plain = mean_interval(human)
        assert found is not None and plain is not None
        low, high = found.interval.low, found.interval.high
        assert low is not None and high is not None
        held += low <= 0.6 <= high
        widths, weights = widths + high - low, weights + found.weight
        alone += (plain.high or 0) - (plain.low or 0)
    assert 0.925 <= held / 1000 <= 0.975
    assert (weights / 1000 > 0.7) == (widths < 0.75 * alone) == (skill > 0)
    assert widths < 1.06 * alone


def test_ppi_says_nothing_from_one_label_or_no_spread() -> None:
    assert ppi_mean([0.0, 1.0], [1.0], [1.0]) is None
    found = ppi_mean([1.0] * 9, [1.0] * 3, [1.0] * 3)
    assert found is not None and found.interval == (1.0, None, None)
    alone = ppi_mean([], [0.2, 0.4, 0.9], [0.1, 0.5, 0.9])
    assert alone is not None and alone.weight == 0.0
    assert alone.interval == pytest.approx(mean_interval([0.1, 0.5, 0.9]))

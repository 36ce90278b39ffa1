"""Agreement: Krippendorff's published examples, statsmodels' kappa, and what is undefined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.stats.inter_rater

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.judges.agreement import (
    cohen_kappa,
    cohen_kappa_interval,
    krippendorff,
    krippendorff_interval,
)

inter_rater: Any = statsmodels.stats.inter_rater


def table(text: str) -> list[list[float]]:
    rows = [line.split() for line in text.strip().splitlines()]
    return [[float("nan") if cell == "*" else float(cell) for cell in row] for row in rows]


FOUR_RATERS = table("""
1 2 3 3 2 1 4 1 2 * * *
1 2 3 3 2 2 4 1 2 5 * 3
* 3 3 3 2 3 4 2 2 5 1 *
1 2 3 3 2 4 4 1 2 5 1 *
""")
THREE_RATERS = table("""
* * * * * 3 4 1 2 1 1 3 3 * 3
1 * 2 1 3 3 4 3 * * * * * * *
* * 2 1 3 4 4 * 2 1 1 3 3 * 4
""")


@pytest.mark.parametrize(
    ("ratings", "nominal", "interval"),
    [(FOUR_RATERS, 0.743, 0.849), (THREE_RATERS, 0.691, 0.811)],
)
def test_alpha_is_the_published_one(ratings: Any, nominal: float, interval: float) -> None:
    assert krippendorff(ratings) == pytest.approx(nominal, abs=0.0005)
    assert krippendorff(ratings, "interval") == pytest.approx(interval, abs=0.0005)


@pytest.mark.parametrize(
    ("weights", "theirs"), [(None, None), ("linear", "linear"), ("quadratic", "quadratic")]
)
def test_kappa_is_statsmodels(weights: Any, theirs: Any) -> None:
    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, 80)
    second = np.where(rng.random(80) < 0.6, first, rng.integers(0, 4, 80))
    counts = np.zeros((4, 4))
    np.add.at(counts, (first, second), 1)
    wanted = inter_rater.cohens_kappa(counts, wt=weights, return_results=False)
    assert cohen_kappa(first.tolist(), second.tolist(), weights) == pytest.approx(wanted, abs=1e-9)


def test_raters_who_only_ever_say_one_thing_show_nothing() -> None:
    assert krippendorff([[1, 1, 1], [1, 1, 1]]) is None
    assert krippendorff([[1.0], [1.0]], "interval") is None
    assert cohen_kappa([1, 1], [1, 1]) is None
    assert cohen_kappa_interval([1, 1], [1, 1], seed=1) is None
    assert krippendorff([[], []]) is krippendorff([[], []], "interval") is None
    assert cohen_kappa([], []) is None
    nan = float("nan")
    assert krippendorff([[1, nan], [nan, 2]]) is None, "no item has two ratings"


def test_perfect_agreement_is_1_with_a_doubt_that_resamples_do_not_show() -> None:
    assert krippendorff_interval([[0, 1, 0], [0, 1, 0]], seed=1) == (1.0, None, None)
    assert cohen_kappa([0, 1, 0], [0, 1, 0]) == 1.0


@pytest.mark.parametrize("measure", ["alpha", "alpha interval", "kappa"])
def test_the_interval_holds_what_all_items_say(measure: str) -> None:
    rng = np.random.default_rng(5)

    def rate(n: int) -> tuple[Any, Any]:
        first = rng.integers(0, 3, n)
        return first, np.where(rng.random(n) < 0.5, first, rng.integers(0, 3, n))

    def interval(pair: Any, seed: int) -> Any:
        if measure == "kappa":
            return cohen_kappa_interval(pair[0], pair[1], seed, rounds=400)
        scale = "interval" if measure == "alpha interval" else "nominal"
        return krippendorff_interval(pair, seed, scale, rounds=400)

    truth = interval(rate(50_000), 0).mean
    held = 0
    for seed in range(200):
        found = interval(rate(100), seed)
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 200 <= 0.98
    assert truth == pytest.approx(0.5, abs=0.01)


def test_labels_come_in_pairs() -> None:
    with pytest.raises(BadNumbers, match="pairs of labels, got 1 and 2"):
        cohen_kappa([1], [1, 2])
    with pytest.raises(BadNumbers, match="for each rater"):
        krippendorff(np.array([1.0, 2.0]))

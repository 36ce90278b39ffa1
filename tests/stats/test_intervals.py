"""Intervals: against scipy, against the textbook, and by how often they hold the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import statsmodels.api
import statsmodels.stats.proportion

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.intervals import clustered_error, effective_items, mean_interval, wilson

stats: Any = scipy.stats
proportion: Any = statsmodels.stats.proportion
api: Any = statsmodels.api


def test_no_value_has_no_interval_and_one_item_no_spread() -> None:
    assert mean_interval([]) is None
    assert mean_interval([0.3]) == (0.3, None, None)


def test_without_clusters_it_is_the_t_interval() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.2, 37)
    wanted = stats.t.interval(0.95, 36, values.mean(), stats.sem(values))
    found = mean_interval(values)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wanted)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("passed", "n"), [(0, 20), (20, 20), (7, 20), (1, 3), (1, 1), (950, 1000)])
def test_wilsons_interval_is_statsmodels(passed: int, n: int, level: float) -> None:
    wanted = proportion.proportion_confint(passed, n, 1 - level, method="wilson")
    assert wilson(passed, n, level) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("passed", "n"), [(0, 20), (20, 20), (7, 20), (1, 3), (0, 1), (950, 1000)])
def test_passes_get_the_exact_interval(passed: int, n: int, level: float) -> None:
    wanted = proportion.proportion_confint(passed, n, 1 - level, method="beta")
    found = mean_interval([1.0] * passed + [0.0] * (n - passed), level=level)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wanted, abs=1e-9)


def test_scores_of_two_values_get_the_exact_interval_whatever_their_range() -> None:
    exact = mean_interval([1.0] * 14 + [0.0] * 6)
    found = mean_interval([5.0] * 14 + [1.0] * 6, range_=(1.0, 5.0))
    assert exact is not None and found is not None
    wanted = [1 + 4 * (bound or 0.0) for bound in exact]
    assert found == pytest.approx(wanted, abs=0.005)


def test_a_score_outside_its_range_is_refused() -> None:
    with pytest.raises(BadNumbers, match=r"the score 1.2 lies outside its declared range \[0, 1\]"):
        mean_interval([0.4, 1.2], range_=(0.0, 1.0))


def test_items_that_err_together_count_as_fewer() -> None:
    values = np.repeat([0.0, 1.0, 1.0, 0.0, 1.0], 20)
    alone = clustered_error(values, range(100))[0]
    labels = list(np.repeat(range(5), 20))
    together, groups = clustered_error(values, labels)
    assert groups == 5
    assert together > 4 * alone
    assert together == pytest.approx(math.sqrt(5 * 0.24 * 5 / 4) / 5)
    assert effective_items(values, labels)[0] == pytest.approx(4.0)


def test_the_clustered_error_is_that_of_a_regression_on_a_constant() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 12, 90)
    values = rng.normal(0.4, 0.1, 12)[labels] + rng.normal(0, 0.1, 90)
    fit = api.OLS(values, np.ones(90)).fit(
        cov_type="cluster",
        cov_kwds={"groups": labels, "use_correction": False},
        use_t=True,
    )
    groups = len(set(labels))
    wanted = fit.bse[0] * math.sqrt(groups / (groups - 1))
    assert clustered_error(values, labels) == (pytest.approx(wanted, abs=1e-12), groups)


def test_labels_of_any_kind_mean_the_same() -> None:
    numbers = np.arange(30) % 10
    values = np.random.default_rng(4).random(30)
    found = mean_interval(values, numbers)
    assert found is not None and found.low is not None
    assert found == mean_interval(values, [f"group {n}" for n in numbers])


@pytest.mark.parametrize(
    "sizes", [[100, *[5] * 20], [40] * 3 + [2] * 3, [12] * 7], ids=["one large", "unequal", "seven"]
)
def test_fewer_than_eight_effective_groups_have_no_interval(sizes: list[int]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(5).random(labels.size)
    assert mean_interval(values, labels, range_=(0.0, 1.0)) == (
        pytest.approx(values.mean()),
        None,
        None,
    )


def test_one_cluster_says_nothing_of_spread() -> None:
    assert mean_interval([0.0, 1.0, 1.0], ["a", "a", "a"]) == (2 / 3, None, None)
    assert mean_interval([1.0, 1.0, 1.0], ["a", "a", "a"]) == (1.0, None, None)
    assert mean_interval([0.2, 0.4, 0.6], ["a", "a", "a"]) == (pytest.approx(0.4), None, None)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("clusters", [None, np.arange(30) // 3])
def test_values_that_are_all_equal_still_leave_doubt(value: float, clusters: Any) -> None:
    found = mean_interval([value] * 30, clusters, range_=(0.0, 1.0))
    assert found is not None and found.low is not None and found.high is not None
    assert 0.0 <= found.low <= value <= found.high <= 1.0
    assert found.high - found.low > 0.1


def test_equal_values_without_bounds_have_no_interval() -> None:
    assert mean_interval([31.5] * 20) == (31.5, None, None)


def test_a_share_within_clusters_stays_between_0_and_1() -> None:
    values = [1.0] * 55 + [0.0] * 5
    found = mean_interval(values, np.arange(60) // 6)
    assert found is not None and found.low is not None and found.high is not None
    assert 0.0 < found.low < 55 / 60 < found.high <= 1.0


@pytest.mark.parametrize("values", [[0.1, math.nan], [math.inf]])
def test_what_is_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(BadNumbers, match="leave ungraded items out"):
        mean_interval(values)


def test_a_label_is_missing() -> None:
    with pytest.raises(BadNumbers, match="a cluster for each of 2 items, got 1"):
        mean_interval([0.0, 0.5], ["a"])


@pytest.mark.parametrize("clusters", [None, 30])
@pytest.mark.parametrize("graded", [True, False])
def test_the_interval_holds_the_truth_as_often_as_it_says(
    clusters: int | None, graded: bool
) -> None:
    rng = np.random.default_rng(7)
    held, trials = 0, 500
    for _ in range(trials):
        labels = None if clusters is None else np.arange(4 * clusters) // 4
        if labels is None:
            values = rng.beta(2, 3, 60) if graded else rng.binomial(1, 0.4, 100)
        elif graded:
            values = rng.beta(4, 6, 30)[labels] + rng.uniform(-0.1, 0.1, 120)
        else:
            values = rng.binomial(1, rng.beta(4, 6, 30)[labels])
        found = mean_interval(
            values.astype(np.float64), labels, range_=(-0.2, 1.2) if graded else None
        )
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0.4 <= found.high
    assert 0.92 <= held / trials <= 0.995

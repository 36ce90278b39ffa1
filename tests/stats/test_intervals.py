"""Intervals: against scipy, against the textbook, and by how often they hold the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from flywheel.stats.intervals import clustered_error, mean_interval, wilson

stats: Any = scipy.stats


def test_no_value_has_no_interval_and_one_item_no_spread() -> None:
    assert mean_interval([]) is None
    assert mean_interval([0.3]) == (0.3, None, None)


def test_without_clusters_it_is_the_t_interval() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.2, 37)
    wanted = stats.t.interval(0.95, 36, values.mean(), stats.sem(values))
    found = mean_interval(values)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wanted)


@pytest.mark.parametrize(("passed", "n"), [(0, 20), (20, 20), (7, 20), (1, 3)])
def test_passes_get_wilsons_interval(passed: int, n: int) -> None:
    wanted = stats.binomtest(passed, n).proportion_ci(0.95, "wilson")
    assert wilson(passed, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    found = mean_interval([1.0] * passed + [0.0] * (n - passed))
    assert found == (passed / n, *wilson(passed, n))


def test_items_that_err_together_count_as_fewer() -> None:
    values = np.repeat([0.0, 1.0, 1.0, 0.0, 1.0], 20)
    alone = clustered_error(values, range(100))[0]
    together, groups = clustered_error(values, list(np.repeat(range(5), 20)))
    assert groups == 5
    assert together > 4 * alone
    assert together == pytest.approx(math.sqrt(5 * 0.24 * 5 / 4) / 5)


def test_one_cluster_says_nothing_of_spread() -> None:
    assert mean_interval([0.0, 1.0, 1.0], ["a", "a", "a"]) == (2 / 3, None, None)


@pytest.mark.parametrize("clusters", [None, 30])
def test_the_interval_holds_the_truth_as_often_as_it_says(clusters: int | None) -> None:
    rng = np.random.default_rng(7)
    held, trials = 0, 2000
    for _ in range(trials):
        if clusters is None:
            values, labels = rng.beta(2, 3, 60), None
        else:
            labels = list(np.repeat(range(clusters), 4))
            values = np.repeat(rng.normal(0.4, 0.1, clusters), 4) + rng.normal(0, 0.1, 4 * clusters)
        found = mean_interval(values, labels)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0.4 <= found.high
    assert 0.93 <= held / trials <= 0.97

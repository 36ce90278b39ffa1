"""The winner's curse: known expectations, and what the winner is worth on new items."""

from __future__ import annotations

import numpy as np
import pytest

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.many.shrinkage import expected_best, shrunk, shrunk_all


@pytest.mark.parametrize(
    ("k", "wanted"), [(1, 0.0), (2, 0.5641896), (3, 0.8462844), (10, 1.5387527), (100, 2.5075936)]
)
def test_the_best_of_k_normals(k: int, wanted: float) -> None:
    assert expected_best(k, 1.0) == pytest.approx(wanted, abs=1e-7)
    assert expected_best(k, 0.05) == pytest.approx(0.05 * wanted, abs=1e-8)


def test_equal_candidates_on_100_items_seem_points_better() -> None:
    # All truly at 0.70: the best of 6, 12, 18 and 50 shows 5.7 to 9.9 points more.
    error = float(np.sqrt(0.7 * 0.3 / 100))
    found = [round(100 * expected_best(k, error), 1) for k in (6, 12, 18, 50)]
    assert found == pytest.approx([5.7, 7.3, 8.2, 9.9], abs=0.5)


@pytest.mark.parametrize("spread", [0.0, 0.03, 0.1])
def test_the_shrunk_winner_is_worth_what_it_says(spread: float) -> None:
    rng = np.random.default_rng(1)
    k, se = 12, 0.04
    truth = rng.normal(0.6, spread, (2000, k))
    dev = truth + rng.normal(0, se, truth.shape)
    best = dev.argmax(1)
    worth = truth[np.arange(2000), best].mean()
    said = np.mean([shrunk(row.max(), row.mean(), se, k) for row in dev])
    all_said = np.mean([shrunk_all(row, se).max() for row in dev])
    assert abs(said - worth) < 0.015
    assert abs(all_said - worth) < 0.02
    assert dev.max(1).mean() - worth > 0.01 or spread == 0.1


def test_nothing_is_taken_off_where_nothing_was_chosen() -> None:
    assert shrunk(0.7, 0.7, 0.05, 1) == 0.7
    assert shrunk(0.7, 0.7, 0.05, 5) == 0.7
    assert shrunk(0.71, 0.70, 0.05, 20) == 0.70, "a lead that luck explains"
    assert shrunk(0.9, 0.7, 0.0, 20) == pytest.approx(0.9)
    assert shrunk_all([], 0.1).size == 0
    assert shrunk_all([0.5, 0.6], 0.1) == pytest.approx([0.5, 0.6])


def test_no_candidate_is_refused() -> None:
    with pytest.raises(BadNumbers, match="wanted a candidate"):
        expected_best(0, 0.1)

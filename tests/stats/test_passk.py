"""pass@k: the published estimator, what it must refuse, and errors over items."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.passk import mean_pass, pass_at_k, pass_hat_k


@pytest.mark.parametrize(
    ("n", "c", "k", "some", "every"),
    [
        (1, 0, 1, 0.0, 0.0),
        (1, 1, 1, 1.0, 1.0),
        (10, 3, 1, 0.3, 0.3),
        (5, 2, 2, 0.7, 0.1),
        (5, 4, 2, 1.0, 0.6),
        (200, 0, 100, 0.0, 0.0),
        (200, 1, 100, 0.5, 0.0),
    ],
)
def test_known_values(n: int, c: int, k: int, some: float, every: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(some)
    assert pass_hat_k(n, c, k) == pytest.approx(every)


def test_it_is_the_share_of_all_choices_of_k_samples() -> None:
    samples = [1, 1, 0, 0, 0, 1, 0]
    for k in range(1, 8):
        choices = list(itertools.combinations(samples, k))
        assert pass_at_k(7, 3, k) == pytest.approx(np.mean([max(c) for c in choices]))
        assert pass_hat_k(7, 3, k) == pytest.approx(np.mean([min(c) for c in choices]))


@pytest.mark.parametrize(("n", "c"), [(4, 0), (4, 4), (0, 0)])
def test_fewer_samples_than_k_have_no_pass_at_k(n: int, c: int) -> None:
    # The usual estimator says 1.0 for no pass in four samples at k = 5, or counts samples that
    # were asked for and never came.
    assert pass_at_k(n, c, 5) is pass_hat_k(n, c, 5) is None


def test_the_mean_is_over_items_that_have_enough() -> None:
    found = mean_pass([4, 4, 4, 1], [1, 4, 0, 1], k=2)
    assert (found.items, found.short) == (3, 1)
    assert found.interval is not None
    assert found.interval.mean == pytest.approx(np.mean([0.5, 1.0, 0.0]))
    assert found.error == pytest.approx(np.std([0.5, 1.0, 0.0], ddof=1) / np.sqrt(3))
    every = mean_pass([4, 4, 4, 1], [1, 4, 0, 1], 2, pass_hat_k, clusters=[1, 1, 2, 3])
    assert every.interval is not None and every.interval.mean == pytest.approx(1 / 3)


def test_without_items_there_is_nothing() -> None:
    assert mean_pass([1, 2], [0, 1], k=3) == (None, None, 0, 2)
    assert mean_pass([3], [1], k=3).error is None


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadNumbers, match="0 <= passed <= samples"):
        pass_at_k(3, 4, 1)
    with pytest.raises(BadNumbers, match="two counts an item"):
        mean_pass([3, 4], [1], 1)

"""Means of groups: each of the three tests against its definition, and all against fooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from flywheel.stats.means.choose import grouped_test
from flywheel.stats.means.grouped import Grouped, effective_groups, flips
from flywheel.stats.paired import paired, paired_test

stats: Any = scipy.stats

SIZES = {
    "equal": [20] * 10,
    "thirty alone, twelve of ten": [1] * 30 + [10] * 12,
    "ever smaller": [max(1, 60 // k) for k in range(1, 41)],
}


def test_equal_groups_get_the_t_test_of_their_means() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.1, 0.3, 12)[np.arange(60) // 5] + rng.normal(0, 0.1, 60)
    test = Grouped.of(values, np.arange(60) // 5, None)
    wanted = stats.ttest_1samp(values.reshape(12, 5).mean(1), 0.0, alternative="greater")
    error, freedom = test.error
    assert freedom == pytest.approx(11)
    assert stats.t.sf(test.estimate / error, freedom) == pytest.approx(wanted.pvalue)


def test_the_error_of_unequal_groups_is_that_of_the_matrices() -> None:
    """CR2 with Satterthwaite's freedom, by its definition in Pustejovsky and Tipton (2018)."""
    sizes = np.array([7, 3, 2, 5, 1, 4, 6, 2])
    labels = np.repeat(np.arange(8), sizes)
    n = labels.size
    values = np.random.default_rng(2).random(n)
    x = np.ones((n, 1))
    hat = x @ x.T / n
    variance = 0.0
    columns: list[Any] = []
    for g in range(8):
        mine = labels == g
        block = np.eye(mine.sum()) - hat[np.ix_(mine, mine)]
        roots, vectors = np.linalg.eigh(block)
        adjust = vectors @ np.diag(roots**-0.5) @ vectors.T
        variance += (x[mine].T @ adjust @ (values - values.mean())[mine]).item() ** 2 / n**2
        columns.append((np.eye(n) - hat)[:, mine] @ adjust @ x[mine][:, 0] / n)
    gram: Any = np.array(columns) @ np.array(columns).T
    error, freedom = Grouped.of(values, labels, None).error
    assert error == pytest.approx(variance**0.5)
    assert freedom == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum())


def test_flips_are_the_share_of_sign_patterns() -> None:
    sums = np.array([0.4, 0.3, -0.1, 0.2, 0.6, 0.0])
    patterns = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1).T
    wanted = (patterns @ sums[:5] >= sums.sum() - 1e-9).mean()
    assert flips(sums) == pytest.approx(wanted)
    assert flips(-sums) == 1.0 and flips(np.zeros(9)) == 1.0


def test_many_flips_come_from_the_saddlepoint() -> None:
    rng = np.random.default_rng(3)
    for shift in (0.05, 0.15, 0.3):
        sums = rng.normal(shift, 0.5, 30)
        signs = rng.choice((-1.0, 1.0), (200_000, 30))
        drawn = (signs @ sums >= sums.sum()).mean()
        assert flips(sums) == pytest.approx(drawn, rel=0.05, abs=5e-4)


def test_groups_that_tie_do_not_lower_p() -> None:
    """Five groups win and thirty-five tie: 1 of 32 patterns is as good."""
    labels = np.arange(120) // 3
    gaps = np.where(labels < 5, 1.0, 0.0)
    found = paired(gaps, np.zeros(120), labels)
    assert found is not None and found.p == pytest.approx(2 / 32)
    assert found.low is not None and found.low <= 0


def test_effective_groups_are_kishs() -> None:
    assert effective_groups(np.full(9, 4.0)) == pytest.approx(9)
    assert effective_groups(np.array([100.0, *[5.0] * 20])) == pytest.approx(3.81, abs=0.01)


def test_too_few_effective_groups_have_no_test() -> None:
    values = np.random.default_rng(4).random(126)
    labels = np.repeat(np.arange(6), [40, 40, 40, 2, 2, 2])
    assert grouped_test(values, labels, (0.0, 1.0)) is None
    assert grouped_test(values[:7], np.arange(7), (0.0, 1.0)) is None
    assert grouped_test(values[:8], np.arange(8), (0.0, 1.0)) is not None


@pytest.mark.parametrize("kind", ["pass/fail", "graded", "rare losses"])
@pytest.mark.parametrize("name", SIZES)
def test_equal_candidates_are_seldom_called_better(name: str, kind: str) -> None:
    sizes = np.array(SIZES[name])
    labels = np.repeat(np.arange(sizes.size), sizes)
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(500):
        if kind == "pass/fail":
            lean = 0.4 * rng.standard_normal(sizes.size)[labels]
            side = np.where(rng.random(labels.size) < 0.5 + lean, 1.0, -1.0)
            gaps = np.where(rng.random(labels.size) < 0.3, side, 0.0)
        elif kind == "graded":
            gaps = 0.3 * rng.standard_normal(sizes.size)[labels]
            gaps = (gaps + 0.2 * rng.standard_normal(labels.size)).clip(-1, 1)
        else:
            gaps = np.where(rng.random(labels.size) < 0.02, -1.0, 0.0204)
        base = np.clip(-gaps, 0.0, 1.0)
        test = paired_test(base + gaps, base, labels, (0.0, 1.0))
        assert test is not None
        wrong += test.p_at_most(0.0) <= 0.025
    # At a true rate of 2.5% exceeded once in a thousand times.
    assert wrong <= 25

"""Counting tests: against statsmodels and scipy, and at the ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
import statsmodels.stats.contingency_tables

from flywheel.stats.exact import mcnemar, sign_flip, sign_test, wilcoxon

stats: Any = scipy.stats
tables: Any = statsmodels.stats.contingency_tables


@pytest.mark.parametrize(
    ("wins", "losses"), [(1, 0), (4, 0), (8, 3), (3, 8), (25, 10), (120, 80), (5, 4), (6, 6)]
)
def test_mcnemar_is_statsmodels_exact_and_mid_p(wins: int, losses: int) -> None:
    exact = tables.mcnemar([[0, wins], [losses, 0]], exact=True).pvalue
    assert mcnemar(wins, losses, mid=False) == pytest.approx(exact, abs=1e-12)
    step = stats.binom.pmf(min(wins, losses), wins + losses, 0.5)
    mid = 1.0 if wins == losses else exact - step
    assert mcnemar(wins, losses) == pytest.approx(mid, abs=1e-12)


def test_nothing_that_differs_is_no_evidence() -> None:
    assert mcnemar(0, 0) == sign_flip([], 1) == sign_flip([0.0, 0.0], 1) == 1.0
    assert wilcoxon([]) == wilcoxon([0.0]) == sign_test([]) == 1.0


def test_the_sign_test_is_the_exact_binomial() -> None:
    gaps = [0.1, 0.2, -0.3, 0.0, 0.4, 0.5, 0.1]
    assert sign_test(gaps) == pytest.approx(stats.binomtest(5, 6).pvalue)


@pytest.mark.parametrize(("n", "method"), [(1, "exact"), (9, "exact"), (40, "exact")])
def test_wilcoxon_is_scipys_exact_test(n: int, method: str) -> None:
    gaps = np.random.default_rng(n).normal(0.3, 1, n)
    assert wilcoxon(gaps) == pytest.approx(stats.wilcoxon(gaps, method=method).pvalue, abs=1e-9)


@pytest.mark.parametrize("n", [12, 60, 400])
def test_wilcoxon_with_ties_is_scipys_approximation(n: int) -> None:
    gaps = np.random.default_rng(n).integers(-3, 5, n).astype(np.float64)
    wanted = stats.wilcoxon(gaps, zero_method="wilcox", correction=False, method="asymptotic")
    assert wilcoxon(gaps) == pytest.approx(wanted.pvalue, abs=1e-9)


def permutation(gaps: Any, **options: Any) -> float:
    def mean(x: Any, axis: int) -> Any:
        return np.mean(x, axis=axis)

    return stats.permutation_test(
        (gaps,), mean, permutation_type="samples", vectorized=True, **options
    ).pvalue


def test_few_pairs_try_every_pattern() -> None:
    gaps = np.random.default_rng(2).normal(0.4, 1, 12)
    assert sign_flip(gaps, seed=1) == pytest.approx(permutation(gaps, n_resamples=np.inf))
    assert sign_flip(gaps, seed=1) == sign_flip(gaps, seed=2)
    assert sign_flip([0.3, 0.3, 0.3], seed=1) == pytest.approx(2 / 8)


def test_many_pairs_draw_patterns_by_the_seed() -> None:
    gaps = np.random.default_rng(5).normal(0.2, 1, 80)
    assert sign_flip(gaps, seed=3) == sign_flip(gaps, seed=3) != sign_flip(gaps, seed=4)
    assert sign_flip(gaps, seed=3, rounds=20_000) == pytest.approx(
        stats.ttest_1samp(gaps, 0).pvalue, abs=0.015
    )
    assert sign_flip(gaps + 9, seed=3, rounds=999) == 1 / 1000, "never 0"


def test_clusters_flip_together() -> None:
    gaps = np.repeat([0.5, 0.4, 0.3, 0.6], 10)
    assert sign_flip(gaps, seed=1) < 0.01
    assert sign_flip(gaps, seed=1, clusters=np.arange(40) // 10) == 2 / 16

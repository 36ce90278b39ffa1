"""The paired comparison: known answers, the ends of the scale, and how often it is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import statsmodels.api

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.paired import Paired, one_sided_low, paired
from flywheel.stats.seeds import seed_of
from flywheel.stats.tango import tango

stats: Any = scipy.stats
optimize: Any = scipy.optimize
api: Any = statsmodels.api

Pair = tuple[list[float], list[float]]


def pairs(wins: int, losses: int, ties: int) -> Pair:
    """Pass/fail pairs; of the ties, half pass in both."""
    both = [1.0] * (ties // 2) + [0.0] * (ties - ties // 2)
    return [1.0] * wins + [0.0] * losses + both, [0.0] * wins + [1.0] * losses + both


def known(found: Paired | None) -> tuple[float, float, float]:
    assert found is not None
    assert found.low is not None and found.high is not None and found.p is not None
    return found.low, found.high, found.p


def test_tango_gives_the_published_interval() -> None:
    # 21 children, 1 and 7 of whom changed (Bentur 2009, in Fagerland, Lydersen and Laake 2014).
    assert tango(1, 7, 21, 1.959964) == pytest.approx((-0.517, -0.026), abs=0.0005)


def test_tango_is_where_the_constrained_likelihood_rejects() -> None:
    wins, losses, n = 9, 4, 50
    for bound in tango(wins, losses, n, 1.959964):

        def unlikely(q: float, d: float = bound) -> float:
            rest = n - wins - losses
            return -(wins * math.log(q + d) + losses * math.log(q) + rest * math.log(1 - 2 * q - d))

        q = optimize.minimize_scalar(
            unlikely,
            bounds=(max(0, -bound) + 1e-9, (1 - bound) / 2 - 1e-9),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        z = (wins - losses - n * bound) / math.sqrt(n * (2 * q + bound * (1 - bound)))
        assert abs(z) == pytest.approx(1.959964, abs=1e-5)


def test_pass_fail_pairs_count_what_was_fixed_and_what_was_broken() -> None:
    found = paired(*pairs(8, 3, 89))
    assert found is not None
    assert (found.n, found.clusters, found.wins, found.losses, found.ties) == (100, 100, 8, 3, 89)
    assert found.difference == pytest.approx(0.05)
    assert found.method == "tango"
    assert known(found) == (
        *tango(8, 3, 100, stats.norm.ppf(0.975)),
        pytest.approx(2 * stats.binom.cdf(3, 11, 0.5) - stats.binom.pmf(3, 11, 0.5)),
    )


def test_graded_pairs_get_the_paired_t() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = rng.random(40), rng.random(40)
    wanted = stats.ttest_rel(ours, theirs)
    ends = wanted.confidence_interval(0.95)
    found = paired(ours, theirs)
    assert found is not None and found.method == "t"
    assert known(found) == pytest.approx((ends.low, ends.high, wanted.pvalue), abs=1e-9)
    assert found.sd == pytest.approx((ours - theirs).std(ddof=1))


def test_graded_clusters_get_the_regression_on_a_constant() -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(60) // 4
    gaps = rng.normal(0.05, 0.1, 15)[labels] + rng.normal(0, 0.1, 60)
    fit = api.OLS(gaps, np.ones(60)).fit(
        cov_type="cluster",
        cov_kwds={"groups": labels, "use_correction": False, "df_correction": True},
    )
    error = fit.bse[0] * math.sqrt(15 / 14)
    reach = stats.t.ppf(0.975, 14) * error
    p = 2 * stats.t.sf(abs(gaps.mean()) / error, 14)
    found = paired(gaps + 0.5, np.full(60, 0.5), labels)
    assert found is not None and (found.method, found.clusters) == ("clustered t", 15)
    wanted = (gaps.mean() - reach, gaps.mean() + reach, p)
    assert known(found) == pytest.approx(wanted, abs=1e-6)


def test_labels_that_never_repeat_are_no_clusters() -> None:
    ours, theirs = pairs(5, 2, 23)
    assert paired(ours, theirs, np.arange(30)) == paired(ours, theirs)


def test_four_wins_to_none_are_not_yet_a_difference() -> None:
    low, _, p = known(paired(*pairs(4, 0, 26)))
    assert p == pytest.approx(0.0625)
    assert low == 0.0


@pytest.mark.parametrize("level", [0.9, 0.95, 0.98, 0.99])
def test_the_interval_never_leaves_0_out_where_p_does_not_reject(level: float) -> None:
    for wins in range(31):
        for losses in range(31 - wins):
            low, high, p = known(paired(*pairs(wins, losses, 30 - wins - losses), level=level))
            assert low <= (wins - losses) / 30 <= high
            assert high - low > 0.05
            assert p <= 1 - level or low <= 0 <= high


def test_the_one_sided_bound_is_the_intervals() -> None:
    ours, theirs = pairs(20, 5, 75)
    wanted = paired(ours, theirs, level=0.98)
    assert wanted is not None and one_sided_low(ours, theirs, None, 0.01) == wanted.low
    assert one_sided_low([], [], None, 0.01) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "clusters"),
    [
        ([0.4], [0.1], None),
        ([0.4, 0.5, 0.9], [0.1, 0.2, 0.3], [1, 1, 1]),
        ([1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1, 1, 1]),
        ([31.0, 41.0], [30.0, 40.0], None),  # all differ by 1, and no bound is known
    ],
)
def test_what_cannot_be_said_is_none(ours: Any, theirs: Any, clusters: Any) -> None:
    found = paired(ours, theirs, clusters)
    assert found is not None
    assert (found.low, found.high, found.p) == (None, None, None)


def test_no_pairs_are_no_comparison() -> None:
    assert paired([], []) is None


def test_one_pass_fail_pair_says_little_but_something() -> None:
    low, high, p = known(paired([1.0], [0.0]))
    assert (high, p) == (1.0, 0.5) and low < -0.5


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("gap", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("clusters", [None, np.arange(30) // 3])
def test_differences_that_are_all_equal_still_leave_doubt(
    gap: float, scale: float, clusters: Any
) -> None:
    base = np.full(30, scale if gap < 0 else 0.0)
    low, high, p = known(paired(base + gap * scale, base, clusters))
    assert -1 <= low <= gap * scale <= high <= 1
    assert high - low > 0.1
    assert p == 1.0 if gap == 0 else p < 0.1


def test_rounding_is_no_difference() -> None:
    found = paired([0.1 + 0.2] * 5, [0.3] * 5)
    assert found is not None and (found.ties, found.difference) == (5, 0.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [([1.0], [1.0, 0.0], "graded in both"), ([math.nan], [0.0], "finite")],
)
def test_what_is_no_pair_is_refused(ours: Any, theirs: Any, says: str) -> None:
    with pytest.raises(BadNumbers, match=says):
        paired(ours, theirs)


def draw(rng: np.random.Generator, kind: str, n: int, clusters: Any) -> tuple[Any, Any]:
    """Pairs with a true difference of 0.05, that differ in a fifth of the items."""
    if kind == "graded":
        base = rng.uniform(0.3, 0.7, n)
        return base + 0.2 * rng.beta(3, 1, n) - 0.1, base
    share = np.array([0.125, 0.075, 0.8])
    if clusters is None:
        outcome = rng.choice(3, n, p=share)
    else:
        each = rng.dirichlet(share * 10, clusters.max() + 1)[clusters]
        outcome = (rng.random(n)[:, None] > each.cumsum(1)).sum(1)
    tie = rng.integers(0, 2, n)
    ours = np.where(outcome == 2, tie, outcome == 0)
    return ours, np.where(outcome == 2, tie, outcome == 1)


@pytest.mark.parametrize(
    ("kind", "n", "size"),
    [("pass/fail", 30, 1), ("pass/fail", 200, 1), ("pass/fail", 120, 4), ("graded", 30, 1)],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(kind: str, n: int, size: int) -> None:
    rng = np.random.default_rng(seed_of(kind, str(n)))
    labels = None if size == 1 else np.arange(n) // size
    held = 0
    for _ in range(1500):
        low, high, _ = known(paired(*draw(rng, kind, n, labels), labels))
        held += low <= 0.05 <= high
    assert 0.93 <= held / 1500 <= 0.98


@pytest.mark.parametrize("size", [1, 3])
def test_equal_models_are_seldom_told_apart(size: int) -> None:
    rng = np.random.default_rng(9)
    labels = None if size == 1 else np.arange(60) // size
    wrong = 0
    for _ in range(1500):
        ours, theirs = draw(rng, "pass/fail", 60, labels)
        flip = np.repeat(rng.random(60 // size), size) < 0.5
        ours[flip], theirs[flip] = theirs[flip], ours[flip]
        low = one_sided_low(ours, theirs, labels)
        wrong += low is not None and low > 0
    assert wrong / 1500 <= 0.035


def test_seeds_are_the_same_everywhere() -> None:
    assert seed_of("ab", "c") == 4832276314734145902
    assert seed_of("ab", "c") != seed_of("a", "bc")
    assert 0 <= seed_of() < 2**64

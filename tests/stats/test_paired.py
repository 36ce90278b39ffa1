"""The paired comparison: known answers, the ends of the scale, and how often it is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import statsmodels.stats.contingency_tables

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.means.tango import tango
from flywheel.stats.paired import Paired, paired, paired_test
from flywheel.stats.seeds import seed_of

stats: Any = scipy.stats
optimize: Any = scipy.optimize
tables: Any = statsmodels.stats.contingency_tables

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


@pytest.mark.parametrize(("wins", "losses"), [(1, 0), (8, 3), (3, 8), (25, 10), (5, 4), (6, 6)])
def test_p_is_mcnemars(wins: int, losses: int) -> None:
    exact = tables.mcnemar([[0, wins], [losses, 0]], exact=True).pvalue
    step = stats.binom.pmf(min(wins, losses), wins + losses, 0.5)
    mid = 1.0 if wins == losses else exact - step
    assert known(paired(*pairs(wins, losses, 100)))[2] == pytest.approx(mid, abs=1e-12)
    few_ties = known(paired(*pairs(wins, losses, 0)))[2]
    assert few_ties == pytest.approx(exact, abs=1e-12), "mid-p is bold where nearly all differ"


@pytest.mark.parametrize("alpha", [0.025, 0.05 / 12, 0.00012])
@pytest.mark.parametrize("n", [5, 8, 18, 50, 100])
def test_equal_pass_fail_candidates_are_never_called_better_too_often(n: int, alpha: float) -> None:
    """The exact size: summed over all tables, for every share of pairs that differ."""
    rejects = np.zeros((n + 1, n + 1))
    for differ in range(n + 1):
        for wins in range(differ + 1):
            low = known(paired(*pairs(wins, differ - wins, n - differ), level=1 - 2 * alpha))[0]
            rejects[differ, wins] = low > 0
    wrong = [rejects[k] @ stats.binom.pmf(np.arange(n + 1), k, 0.5) for k in range(n + 1)]
    for share in np.linspace(0.02, 1.0, 50):
        assert stats.binom.pmf(np.arange(n + 1), n, share) @ wrong <= alpha


def test_scores_without_a_range_get_the_paired_t() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = rng.random(40), rng.random(40)
    wanted = stats.ttest_rel(ours, theirs)
    ends = wanted.confidence_interval(0.95)
    found = paired(ours, theirs)
    assert found is not None and found.method == "t"
    assert known(found) == pytest.approx((ends.low, ends.high, wanted.pvalue), abs=1e-9)
    assert found.sd == pytest.approx((ours - theirs).std(ddof=1))


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
    assert (high, p) == (1.0, 1.0) and low < -0.5


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("gap", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("clusters", [None, np.arange(30) // 3])
def test_differences_that_are_all_equal_still_leave_doubt(
    gap: float, scale: float, clusters: Any
) -> None:
    base = np.full(30, scale if gap < 0 else 0.0)
    low, high, p = known(paired(base + gap * scale, base, clusters, range_=(0.0, 1.0)))
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
    for _ in range(500):
        low, high, _ = known(paired(*draw(rng, kind, n, labels), labels, range_=(0.0, 1.0)))
        held += low <= 0.05 <= high
    assert held / 500 >= 0.92


@pytest.mark.parametrize("size", [1, 3])
def test_equal_models_are_seldom_told_apart(size: int) -> None:
    rng = np.random.default_rng(9)
    labels = None if size == 1 else np.arange(60) // size
    wrong = 0
    for _ in range(1500):
        ours, theirs = draw(rng, "pass/fail", 60, labels)
        flip = np.repeat(rng.random(60 // size), size) < 0.5
        ours[flip], theirs[flip] = theirs[flip], ours[flip]
        test = paired_test(ours, theirs, labels, None)
        assert test is not None
        wrong += test.p_at_most(0.0) <= 0.025
    assert wrong / 1500 <= 0.035  # at a true rate of 2.5% exceeded once in two hundred times


def test_seeds_are_the_same_everywhere() -> None:
    assert seed_of("ab", "c") == 4832276314734145902
    assert seed_of("ab", "c") != seed_of("a", "bc")
    assert 0 <= seed_of() < 2**64

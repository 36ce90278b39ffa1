"""Not worse by more than a margin: the bound and p say the same, and equal models pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.noninferior import noninferior

stats: Any = scipy.stats


def draw(rng: np.random.Generator, kind: str, n: int, gap: float) -> tuple[Any, Any]:
    if kind in ("graded", "t"):
        base = rng.uniform(0.3, 0.7, n)
        return base + gap + rng.uniform(-0.17, 0.17, n), base
    if kind == "bound":
        return np.full(n, 0.5 + gap), np.full(n, 0.5)
    outcome = rng.choice(3, n, p=[(0.2 + gap) / 2, (0.2 - gap) / 2, 0.8])
    return (outcome == 0).astype(float), (outcome == 1).astype(float)


@pytest.mark.parametrize("kind", ["pass/fail", "graded", "bound", "t"])
@pytest.mark.parametrize("clusters", [None, np.arange(90) // 3])
@pytest.mark.parametrize("margin", [0.0, 0.02, 0.05, 0.2])
def test_p_and_the_bound_say_the_same(kind: str, clusters: Any, margin: float) -> None:
    rng = np.random.default_rng(8)
    for gap in (-0.1, -0.02, 0.0, 0.06):
        for alpha in (0.025, 0.1):
            range_ = None if kind == "t" else (0.0, 1.0)
            found = noninferior(*draw(rng, kind, 90, gap), margin, clusters, alpha, range_)
            assert found.p is not None and found.low is not None and 0 <= found.p <= 1
            assert found.holds == (found.low > -margin) == (found.p < alpha)


def test_scores_without_a_range_get_the_one_sided_t() -> None:
    base = np.random.default_rng(1).random(30)
    ours = base + np.random.default_rng(2).normal(-0.01, 0.1, 30)
    wanted = stats.ttest_1samp(ours - base, -0.05, alternative="greater").pvalue
    assert noninferior(ours, base, 0.05).p == pytest.approx(wanted)


def test_a_worse_model_seldom_passes_and_an_equal_one_mostly() -> None:
    rng = np.random.default_rng(5)
    worse = [noninferior(*draw(rng, "pass/fail", 300, -0.05), 0.05).holds for _ in range(1500)]
    equal = [noninferior(*draw(rng, "pass/fail", 1000, 0.0), 0.05).holds for _ in range(500)]
    assert np.mean(worse) <= 0.035
    assert np.mean(equal) > 0.85


def test_where_nothing_can_be_said_nothing_holds() -> None:
    assert noninferior([], [], 0.1) == (None, None, False)
    assert noninferior([0.9], [0.1], 0.1) == (None, None, False)
    with pytest.raises(BadNumbers, match="a margin of 0 or more"):
        noninferior([1.0], [0.0], -0.1)

"""Many comparisons: statsmodels' adjusted values, and how often sixty null candidates pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.stats.multitest

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.many.multiple import benjamini_hochberg, holm

adjusted: Any = getattr(statsmodels.stats.multitest, "multipletests")  # noqa: B009 - no types


@pytest.mark.parametrize(
    "ps", [[0.03], [0.04, 0.01, 0.03, 0.005], [0.5, 0.5, 0.02, 0.02], list(np.linspace(0, 1, 60))]
)
def test_values_are_statsmodels(ps: list[float]) -> None:
    assert holm(ps) == pytest.approx(adjusted(ps, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(ps) == pytest.approx(adjusted(ps, method="fdr_bh")[1], abs=1e-12)


def test_no_comparison_needs_no_adjustment() -> None:
    assert holm([]).size == benjamini_hochberg([]).size == 0


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(BadNumbers, match="between 0 and 1"):
        holm([0.1, 1.2])


def test_sixty_equal_candidates_seldom_yield_a_winner() -> None:
    ps = np.random.default_rng(1).random((2000, 60))
    plain = float((ps.min(1) < 0.05).mean())
    kept = float(np.mean([holm(row).min() < 0.05 for row in ps]))
    assert plain > 0.9
    assert kept <= 0.065

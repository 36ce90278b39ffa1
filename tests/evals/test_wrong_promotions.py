"""A candidate that is no better is seldom promoted, whatever the story; a better one often is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gates import STORIES, equal_pairs
from flywheel.evals.decision.decide import Evidence, decide
from flywheel.stats.power import items_for_pass_fail

# At a true rate of 5% so many of 100 trials are exceeded once in a thousand times.
_TRIALS, _MOST = 100, 13


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("clustered", [False, True], ids=["alone", "clustered"])
def test_equal_models_are_seldom_promoted(story: str, clustered: bool) -> None:
    rng = np.random.default_rng(20261120)
    wrong = sum(STORIES[story](rng, 100, clustered) for _ in range(_TRIALS))
    assert wrong <= _MOST


def test_a_gain_is_found_at_the_number_that_plan_names() -> None:
    rng = np.random.default_rng(20261120)
    items = items_for_pass_fail(0.10, 0.20)
    outcomes = [
        decide(Evidence(primary=equal_pairs(rng, items, False, gain=0.10))).outcome
        for _ in range(_TRIALS)
    ]
    # 80% promised: three standard errors of 100 trials on either side.
    assert 0.68 <= outcomes.count("promote") / _TRIALS <= 0.92

"""Promote, keep, or say what would decide it: from evidence alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flywheel.evals.decision.decide import Answers, Decision, Evidence, Rules, decide
from flywheel.evals.decision.pairs import Pairs, Side, no_pairs

WHOLE = (Side(1000, 0), Side(1000, 0))


def pairs(
    wins: int, losses: int, ties: int, grader: str = "exact", sides: tuple[Side, Side] = WHOLE
) -> Pairs:
    """Pass/fail items: so many that only the candidate passes, only the baseline, and both."""
    before = np.array([0.0] * wins + [1.0] * (losses + ties))
    after = np.array([1.0] * wins + [0.0] * losses + [1.0] * ties)
    items = tuple(f"item-{n}" for n in range(before.size))
    return Pairs(grader, items, before, after, before, after, None, 0, sides)


def states(evidence: Evidence, **rules: Any) -> dict[str, str]:
    """The state of each check."""
    return {check.name: check.state for check in decide(evidence, Rules(**rules)).checks}


GOOD = pairs(60, 20, 320)


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "outcome"),
    [
        (60, 20, 320, "promote"),
        (20, 60, 320, "keep"),
        (0, 0, 400, "keep"),  # a gain of 5 points is excluded
        (12, 8, 380, "keep"),  # + 1 point; 5 points are excluded
        (12, 8, 80, "undecided"),
        (40, 30, 30, "undecided"),
        (1, 0, 0, "undecided"),
        (1, 0, 1, "undecided"),
        (3, 0, 0, "undecided"),
    ],
)
def test_the_interval_of_the_gain_decides(wins: int, losses: int, ties: int, outcome: str) -> None:
    assert decide(Evidence(primary=pairs(wins, losses, ties))).outcome == outcome


def test_undecided_names_the_number_that_would_decide() -> None:
    decision = decide(Evidence(primary=pairs(12, 8, 80)))
    assert decision.items is not None and 400 < decision.items < 1000
    wanted = f"needs about {decision.items:,} items to show a gain; there are 100"
    assert wanted in decision.checks[1].reason


def test_a_worse_candidate_hears_what_more_items_would_exclude() -> None:
    decision = decide(Evidence(primary=pairs(8, 12, 20)))
    wanted = f"needs about {decision.items:,} items to exclude a gain of +5.0; there are 40"
    assert decision.outcome == "undecided" and wanted in decision.checks[1].reason


def test_nothing_graded_is_undecided() -> None:
    decision = decide(Evidence(primary=no_pairs("exact")))
    assert decision.outcome == "undecided"
    assert decision.items is not None


def test_a_margin_asks_for_more() -> None:
    assert decide(Evidence(primary=GOOD), Rules(margin=0.02)).outcome == "promote"
    assert decide(Evidence(primary=GOOD), Rules(margin=0.08)).outcome == "undecided"


def test_each_look_asks_for_more_than_the_one_before() -> None:
    narrow = pairs(36, 19, 345)
    found = [decide(Evidence(primary=narrow, look=look)) for look in (1, 2, 5)]
    assert [decision.outcome for decision in found] == ["promote", "undecided", "undecided"]
    lows = [decision.gain.low for decision in found if decision.gain and decision.gain.low]
    assert lows == sorted(lows, reverse=True)
    assert found[0].level == pytest.approx(0.95)


def test_the_best_of_many_pays_for_all_of_them() -> None:
    narrow = pairs(36, 19, 345)
    assert decide(Evidence(primary=narrow, tried=12)).outcome == "undecided"


@pytest.mark.parametrize(
    ("guard", "margin", "state"),
    [
        (pairs(20, 20, 360, "tone"), 0.05, "pass"),
        (pairs(0, 0, 400, "tone"), 0.02, "pass"),
        (pairs(0, 60, 340, "tone"), 0.05, "fail"),
        (pairs(10, 20, 370, "tone"), 0.03, "open"),
        (no_pairs("tone"), 0.05, "open"),
    ],
)
def test_a_guard_must_be_shown_to_hold(guard: Pairs, margin: float, state: str) -> None:
    found = states(Evidence(primary=GOOD, guards=[(guard, margin)]))
    assert found["guard: tone"] == state


def test_many_guards_are_held_together() -> None:
    guard = pairs(8, 12, 380, "tone")
    alone = states(Evidence(primary=GOOD, guards=[(guard, 0.035)]))
    among = states(
        Evidence(primary=GOOD, guards=[(guard, 0.035), *[(pairs(20, 28, 352, "x"), 0.03)] * 9])
    )
    assert alone["guard: tone"] == "pass"
    assert among["guard: tone"] == "open"


@pytest.mark.parametrize(
    ("audit", "state"),
    [
        (pairs(20, 20, 360, "audit"), "pass"),
        (pairs(5, 40, 355, "audit"), "fail"),
        (no_pairs("audit"), "open"),
    ],
)
def test_a_falling_audit_keeps_the_baseline(audit: Pairs, state: str) -> None:
    evidence = Evidence(primary=GOOD, audits=[audit])
    assert states(evidence)["audit: audit"] == state
    assert (
        decide(evidence).outcome == {"pass": "promote", "fail": "keep", "open": "undecided"}[state]
    )


@pytest.mark.parametrize(
    ("sides", "told"),
    [
        (
            (Side(1000, 300), Side(1000, 0)),
            "30% of the baseline's samples have no verdict",
        ),
        ((Side(1000, 0), Side(1000, 30)), "3% of the candidate's samples"),
    ],
)
def test_samples_without_a_verdict_stop_a_promotion(sides: tuple[Side, Side], told: str) -> None:
    decision = decide(Evidence(primary=pairs(60, 20, 320, sides=sides)))
    assert decision.outcome == "undecided"
    assert told in str(decision.checks)


def test_a_trained_candidate_needs_a_second_seed() -> None:
    assert states(Evidence(primary=GOOD))["artifact"] == "pass"
    assert "seeds" not in states(Evidence(primary=GOOD))
    assert states(Evidence(primary=GOOD, seeds=[]))["seeds"] == "open"
    assert states(Evidence(primary=GOOD, seeds=[0.04, 0.08]))["seeds"] == "pass"
    assert states(Evidence(primary=GOOD, seeds=[-0.01]))["seeds"] == "fail"


def test_a_split_that_levers_saw_promotes_nobody() -> None:
    decision = decide(Evidence(primary=GOOD, sealed="measured on dev"))
    assert decision.outcome == "undecided"
    assert decision.items is None, "no number of items makes it sealed"


def test_what_is_served_must_be_what_was_measured() -> None:
    assert states(Evidence(primary=GOOD, served=0.995))["artifact"] == "pass"
    assert states(Evidence(primary=GOOD, served=0.6))["artifact"] == "fail"
    for answers, state in (
        (Answers(200, 0, 2), "fail"),
        (Answers(200, 2, 2), "open"),
        (Answers(200, 3, 2), "pass"),
        (Answers(200, 199, None), "pass"),
        (None, "pass"),
    ):
        assert states(Evidence(primary=GOOD, answers=answers))["artifact"] == state


def test_graded_scores_and_groups_decide_too() -> None:
    rng = np.random.default_rng(7)
    before = rng.uniform(size=200)
    after = np.clip(before + rng.normal(0.05, 0.1, size=200), 0, 1)
    items = tuple(map(str, range(200)))
    sides = before, after, before, after

    def outcome(groups: tuple[int, ...] | None, range_: tuple[float, float] | None) -> Decision:
        return decide(Evidence(primary=Pairs("f1", items, *sides, groups, 0, WHOLE, range_)))

    assert outcome(None, (0.0, 1.0)).outcome == "promote"
    assert outcome(tuple(n // 10 for n in range(200)), (0.0, 1.0)).outcome == "promote"
    few = outcome(tuple(n // 50 for n in range(200)), (0.0, 1.0))
    assert few.outcome == "undecided" and few.items is None
    assert "200 items in 4 groups count as 4.0 groups of one size" in few.checks[1].reason
    assert outcome((0,) * 200, (0.0, 1.0)).outcome == "undecided", "one group says nothing"


def test_scores_without_a_declared_range_are_not_promoted() -> None:
    rng = np.random.default_rng(7)
    before = rng.uniform(size=200)
    sides = before, before + rng.uniform(0.1, 0.3, size=200), before, before
    decision = decide(Evidence(primary=Pairs("f1", ("i",) * 200, *sides, None, 0, WHOLE)))
    assert decision.outcome == "undecided"
    assert "f1 declares no range of its scores" in decision.checks[1].reason


def test_the_decision_is_told_in_full() -> None:
    told = decide(Evidence(primary=GOOD)).as_json()
    assert told["decision"] == "promote"
    assert told["n"] == 400 and told["look"] == 1
    assert [reason["check"] for reason in told["reasons"]] == [
        "sealed",
        "gain: exact",
        "ungraded",
        "artifact",
    ]

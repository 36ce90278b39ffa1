"""The card tells every seed, those that failed too."""

from __future__ import annotations

import pytest

from flywheel.tiny.card import Attempt, Built, write_card
from flywheel.tiny.exam import EVALSETS, Score
from flywheel.tiny.pretrain import Progress


def score(*values: float) -> Score:
    return Score(values, tuple(f"wording-{at // 2}" for at in range(len(values))))


def built() -> Built:
    dev = {name: score(1.0, 0.0, 0.0, 0.0) for name in (*EVALSETS, "vague", "rules")}
    lost = Attempt(0, Progress(steps=9, tokens=2_000_000, seconds=301.2, loss=1.5))
    good = Progress(steps=9, tokens=2_000_123, seconds=302.6, loss=0.08, copied_after=400_000)
    kept = Attempt(1, good, dev)
    return Built([lost, kept], kept, {"ticket_triage": score(1.0, 1.0, 0.0, 0.0)}, 1_017_216)


def test_every_seed_has_its_row_and_the_kept_one_is_named() -> None:
    card = write_card(built())
    assert "Seed 1 was kept: the first that copies" in card
    assert "| 0 | never | 1.50 |" + " cannot copy |" * 6 in card
    assert "| 1 | 400,000 | 0.08 |" + " 25.0% |" * 6 in card
    assert "1,017,216 parameters" in card
    assert "2,000,123 tokens, 303 CPU\nseconds a seed" in card
    assert "--seeds 0,1`" in card


@pytest.mark.parametrize(("wins", "beaten"), [(40, True), (3, False)])
def test_a_lead_that_may_be_chance_changes_nothing(wins: int, beaten: bool) -> None:
    progress = Progress(steps=9, tokens=9, seconds=1.0, loss=0.1)
    first = Attempt(0, progress, {"ticket_triage": score(*[0.0] * 100)})
    later = Attempt(1, progress, {"ticket_triage": score(*[1.0] * wins, *[0.0] * (100 - wins))})
    assert later.beats(first) == beaten
    assert not first.beats(later)


def test_a_score_stands_with_both_intervals() -> None:
    row = "| ticket_triage | 50.0% | 6.8 to 93.2 | - | 4 |"
    assert row in write_card(built()).splitlines()

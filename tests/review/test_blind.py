"""Order and sides are a person's own and stay; what votes say counts a tie half."""

from __future__ import annotations

from datetime import datetime

import pytest

from flywheel.review.blind import Place, in_order, sides, tally
from flywheel.stats.intervals import wilson
from flywheel.store.tables.votes import VoteRow

PLACES = [Place(f"item-{n}", 0) for n in range(400)]


def vote(item: str, choice: str, left: str = "new", who: str = "ada") -> VoteRow:
    other = "old" if left == "new" else "new"
    name = f"{item}-{who}"
    return VoteRow(
        name, left, other, item, 0, choice, None, who, 2.0, datetime(2026, 1, 1, 12, 0, 0)
    )


def test_order_and_sides_stay_whichever_run_is_named_first() -> None:
    assert in_order(PLACES, "a", "b", "ada") == in_order(PLACES[::-1], "b", "a", "ada")
    assert all(sides(p, "a", "b", "ada") == sides(p, "b", "a", "ada") for p in PLACES)


def test_another_person_or_another_pair_of_runs_is_another_draw() -> None:
    mine = in_order(PLACES, "a", "b", "ada")
    for other in (in_order(PLACES, "a", "b", "bob"), in_order(PLACES, "a", "c", "ada"), PLACES):
        assert sorted(other) == sorted(mine)
        assert other != mine
    assert any(sides(p, "a", "b", "ada") != sides(p, "a", "b", "bob") for p in PLACES)


def test_each_run_stands_left_about_half_of_the_time() -> None:
    left = sum(sides(place, "a", "b", "ada")[0] == "a" for place in PLACES)
    assert 160 < left < 240


def test_a_vote_counts_for_the_run_that_stood_there() -> None:
    votes = [
        vote("1", "left", left="new"),
        vote("2", "right", left="old"),
        vote("3", "left", left="old"),
        vote("4", "tie"),
        vote("5", "skip"),
    ]
    found = tally(votes, "new")
    assert (found.wins, found.losses, found.ties, found.skipped, found.items) == (2, 1, 1, 1, 4)
    assert found.left_share == (2 / 3, *wilson(2, 3))
    # Wilson's formula by hand, at 2.5 and at 1.5 of 4.
    assert found.rate == pytest.approx((0.625, 0.2194, 0.9082), abs=1e-4)
    assert tally(votes, "old").rate == pytest.approx((0.375, 0.0918, 0.7806), abs=1e-4)


def test_several_votes_on_an_item_are_one_item() -> None:
    votes = [vote("1", "left", who=who) for who in ("ada", "bob", "cy")] + [vote("2", "right")]
    found = tally(votes, "new")
    assert found.items == 2
    assert found.rate == (0.5, *wilson(1, 2))
    assert [(voter.who, voter.votes) for voter in found.voters] == [
        ("ada", 2),
        ("bob", 1),
        ("cy", 1),
    ]


def test_without_a_decision_there_is_no_rate() -> None:
    for votes in ([], [vote("1", "skip")]):
        found = tally(votes, "new")
        assert (found.rate, found.left_share, found.items) == (None, None, 0)
    (voter,) = tally([vote("1", "skip")], "new").voters
    assert voter.seconds is None
    assert tally([vote("1", "tie")], "new").left_share is None

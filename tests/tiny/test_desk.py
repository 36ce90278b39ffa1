"""The desk: its rules, and wordings that the splits do not share."""

from __future__ import annotations

import random
from itertools import combinations
from typing import get_args

import pytest

from flywheel.tiny.desk.calls import FUNCTIONS, REVIEWED, routed, write_request
from flywheel.tiny.desk.desk import CATEGORIES, HOUSE, Ticket, priority, write_ticket
from flywheel.tiny.desk.notes import write_note
from flywheel.tiny.desk.phrases import COMPLAINTS, NOTES, REQUESTS, URGENCY, Split

SPLITS: tuple[Split, ...] = get_args(Split)


def ticket(category: str, urgency: str, vip: bool = False) -> Ticket:
    return Ticket("From: Ana\nHello", category, urgency, vip, "#12345", "train-x-0")


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (ticket("billing", "normal"), "normal"),
        (ticket("billing", "low"), "low"),
        (ticket("billing", "low", vip=True), "high"),
        (ticket("account", "low"), "high"),
        (ticket("feedback", "high"), "low"),
        (ticket("feedback", "low", vip=True), "high"),  # a VIP beats a category
    ],
)
def test_house_rules(asked: Ticket, wanted: str) -> None:
    assert priority(asked, HOUSE) == wanted


def test_without_rules_the_words_decide() -> None:
    assert priority(ticket("account", "low", vip=True), ()) == "low"


def test_any_order_of_the_rules_gives_the_same_priority() -> None:
    asked = ticket("feedback", "normal", vip=True)
    assert priority(asked, HOUSE) == priority(asked, HOUSE[::-1]) == "high"


@pytest.mark.parametrize("split", SPLITS)
def test_a_ticket_says_its_order_and_its_sender_once(split: Split) -> None:
    rng = random.Random(0)
    for _ in range(300):
        written = write_ticket(rng, split)
        assert written.text.count(written.order_id) == 1
        assert ("(VIP)" in written.text) == written.vip
        assert len(set(written.order_id)) == 6
        assert written.category in CATEGORIES


def test_no_two_splits_share_a_wording() -> None:
    wordings = {split: wordings_of(split) for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert wordings[one].isdisjoint(wordings[other])


def wordings_of(split: Split) -> set[str]:
    groups = [
        *COMPLAINTS[split].values(),
        *URGENCY[split].values(),
        *REQUESTS[split].values(),
        NOTES[split],
    ]
    return {wording.casefold() for group in groups for wording in group}


@pytest.mark.parametrize("split", SPLITS)
def test_a_note_names_what_its_text_holds(split: Split) -> None:
    rng = random.Random(0)
    for _ in range(200):
        note = write_note(rng, split)
        for kind in ("person", "order_id", "amount"):
            named = note.entities[kind]
            assert named is None or named in note.text
        assert (note.date_text is None) == (note.entities["date"] is None)


@pytest.mark.parametrize("split", SPLITS)
def test_only_large_refunds_are_routed_to_review(split: Split) -> None:
    rng = random.Random(0)
    for _ in range(300):
        request = write_request(rng, split)
        large = int(request.arguments.get("amount", 0)) >= REVIEWED
        assert (routed(request) == "review_refund") == large
        assert tuple(request.arguments) == FUNCTIONS[routed(request)]
        assert all(str(value) in request.text for value in request.arguments.values())


def test_the_same_seed_writes_the_same_ticket() -> None:
    assert write_ticket(random.Random(3), "dev") == write_ticket(random.Random(3), "dev")

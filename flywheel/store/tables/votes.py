"""votes: blind preferences of people between two answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table

Choice = Literal["left", "right", "tie", "skip"]


class VoteRow(NamedTuple):
    """One vote on the answers that two runs gave to an item, as one of `Choice`.

    `left` and `right` are the runs in the order in which they were shown. A vote that revokes an
    earlier one names it in `undoes` and has no choice.
    """

    vote: str
    left: str
    right: str
    item: str
    repeat: int
    choice: str | None
    undoes: str | None
    who: str
    seconds: float
    created: datetime


VOTES = Table("votes", VoteRow, key=("vote",), either=("choice", "undoes"))


def standing_votes(store: Reader, one: str, other: str) -> list[VoteRow]:
    """The votes on two runs that were not revoked, the oldest first."""
    return store.rows(
        VoteRow,
        f"""
        {VOTES.select} AS v
        WHERE (("left" = $one AND "right" = $other) OR ("left" = $other AND "right" = $one))
            AND "choice" IS NOT NULL
            AND NOT EXISTS (FROM "votes" AS u WHERE u."undoes" = v."vote")
        ORDER BY "created", rowid
        """,
        {"one": one, "other": other},
    )

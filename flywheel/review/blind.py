"""Blind judging: the order and the sides of the pairs, and the tally of the votes.

Order and sides are a hash of the two runs, the item and the person: a reload shows the same, and
each person has a different order. Swapping the two runs changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256
from statistics import median
from typing import Any, NamedTuple

from flywheel.review.rows import Tally, Voter
from flywheel.stats.intervals import Interval, wilson
from flywheel.store.tables.votes import VoteRow


class Place(NamedTuple):
    """One pair of answers: an item and its repeat."""

    item: str
    repeat: int


def in_order(places: Iterable[Place], one: str, other: str, who: str) -> list[Place]:
    """The pairs in the order in which this person sees them."""
    return sorted(places, key=lambda place: _draw("order", one, other, place, who))


def sides(place: Place, one: str, other: str, who: str) -> tuple[str, str]:
    """The run shown on the left and the run shown on the right, for this pair and person."""
    first, second = sorted((one, other))
    swapped = _draw("sides", one, other, place, who)[0] % 2
    return (second, first) if swapped else (first, second)


def tally(votes: Sequence[VoteRow], candidate: str) -> Tally:
    """The candidate's win rate from standing votes; skipped pairs do not count.

    Wilson's interval is conservative with ties counted half: a value in [0, 1] has at most the
    variance of a binary value with the same mean.
    """
    values = [_value(vote, candidate) for vote in votes]
    by_item: dict[str, list[float]] = defaultdict(list)
    for vote, value in zip(votes, values, strict=True):
        if value is not None:
            by_item[vote.item].append(value)
    means = [sum(values) / len(values) for values in by_item.values()]
    left = sum(vote.choice == "left" for vote in votes)
    right = sum(vote.choice == "right" for vote in votes)
    return Tally(
        items=len(means),
        wins=values.count(1.0),
        losses=values.count(0.0),
        ties=values.count(0.5),
        skipped=values.count(None),
        rate=_share(sum(means), len(means)),
        left_share=_share(left, left + right),
        voters=[_voter(who, votes) for who in sorted({vote.who for vote in votes})],
    )


def _voter(who: str, votes: Sequence[VoteRow]) -> Voter:
    given = [vote for vote in votes if vote.who == who]
    voted = [vote.seconds for vote in given if vote.choice != "skip"]
    skipped = len(given) - len(voted)
    return Voter(who, len(voted), skipped, median(voted) if voted else None)


def _value(vote: VoteRow, candidate: str) -> float | None:
    """1 for the candidate, 0 against it, 0.5 for a tie, None for a skipped pair."""
    if vote.choice == "tie":
        return 0.5
    if vote.choice not in ("left", "right"):
        return None
    return float((vote.left if vote.choice == "left" else vote.right) == candidate)


def _share(count: Any, n: int) -> Interval | None:
    return Interval(count / n, *wilson(count, n)) if n else None


def _draw(what: str, one: str, other: str, place: Place, who: str) -> bytes:
    words = (what, *sorted((one, other)), place.item, str(place.repeat), who)
    return sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()

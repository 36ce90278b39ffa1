"""Leakage: texts that occur on both of two sides that should be disjoint.

Five kinds, the strongest first. `exact`: the same text. `normalised`: the same words. `13-gram`:
at least half of the shorter text occurs in the other. `minhash`: nearly the same characters.
`group`: no common text, but the same group (a conversation, a template), so errors are correlated.

Measured on the shipped evalsets with one word of each item replaced, recall is 99% for texts of 13
words or more, 40% for 8 to 12 words and 14% for fewer, where a changed word mostly makes another
question. Rewordings across their splits stay below both thresholds: at most 0.27 of the 13-grams
(threshold 0.5) and a Jaccard index of 0.63 (threshold 0.7).

Not detected: paraphrases, translations, texts split differently. Texts that share a long passage,
such as the same rules, overlap if the passage is half of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal, NamedTuple, get_args

from flywheel.data.leakage.minhash import near_duplicates
from flywheel.data.leakage.normalise import normalise
from flywheel.data.leakage.shared_ngrams import shared_passages

How = Literal["exact", "normalised", "13-gram", "minhash", "group"]
WAYS: tuple[How, ...] = get_args(How)
Look = Callable[[Sequence[str], Sequence[str]], dict[int, tuple[int, float]]]
_MOST = 100
_EXCERPT = 80


class Text(NamedTuple):
    """A text and its location (`test.jsonl:12`). Texts with one location count once."""

    where: str
    text: str
    group: str | None = None


class Overlap(NamedTuple):
    """Two overlapping texts: the kind of overlap, the shared share, and an excerpt."""

    left: Text
    right: Text
    how: How
    share: float
    shown: str


class Overlaps(NamedTuple):
    """The overlaps of two sides.

    `counts` counts the locations of the right side that overlap, by their strongest kind; `worst`
    has one pair for each, the strongest first, up to the requested number.
    """

    counts: dict[How, int]
    worst: list[Overlap]

    @property
    def total(self) -> int:
        """The number of locations of the right side that overlap."""
        return sum(self.counts.values())


class _Match(NamedTuple):
    rank: int
    share: float
    left: int


def count_overlaps(left: Sequence[Text], right: Sequence[Text], most: int = _MOST) -> Overlaps:
    """Compare two sides. Time and memory are linear in the texts, not in their pairs.

    Texts without a word match only exactly; empty texts never match. To find the rows of a file to
    drop, pass the file as the right side.
    """
    keys = ([text.text if text.text.strip() else None for text in side] for side in (left, right))
    found = _same("exact", 1.0, *keys)
    found.update(_same_words(left, right, found))
    groups = ([text.group for text in side] for side in (left, right))
    for index, match in _same("group", 0.0, *groups).items():
        found.setdefault(index, match)
    places: dict[str, int] = {}
    for index in sorted(found, key=lambda index: _weight(found[index])):
        places.setdefault(right[index].where, index)
    counts = Counter(WAYS[found[index].rank] for index in places.values())
    worst = [
        _overlap(left[found[index].left], right[index], found[index])
        for index in list(places.values())[:most]
    ]
    return Overlaps({how: counts[how] for how in WAYS}, worst)


def describe_overlap(overlap: Overlap) -> str:
    """One overlap as text."""
    how = (
        overlap.how
        if overlap.how in ("exact", "normalised")
        else f"{overlap.how} {overlap.share:.2f}"
    )
    if overlap.how == "group":
        how = f"group {overlap.right.group!r:.40}"
    return f"{overlap.right.where} and {overlap.left.where}, {how}: {overlap.shown!r}"


def describe_counts(counts: dict[How, int]) -> str:
    """The non-zero counts as text."""
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count)


def _weight(match: _Match) -> tuple[int, float]:
    return match.rank, -match.share


def _same(
    how: How, share: float, left: Sequence[str | None], right: Sequence[str | None]
) -> dict[int, _Match]:
    """The right texts whose key occurs on the left, each with the first left text that has it."""
    first: dict[str | None, int] = {}
    for index, key in enumerate(left):
        first.setdefault(key, index)
    rank = WAYS.index(how)
    return {
        index: _Match(rank, share, first[key])
        for index, key in enumerate(right)
        if key is not None and key in first
    }


def _same_words(
    left: Sequence[Text], right: Sequence[Text], found: dict[int, _Match]
) -> dict[int, _Match]:
    """Match the texts without an exact copy. Equal texts are compared once."""
    words_of = cache(normalise)
    mine: dict[str, int] = {}
    for index, text in enumerate(left):
        mine.setdefault(words_of(text.text), index)
    theirs: dict[str, list[int]] = {}
    for index, text in enumerate(right):
        if index not in found:
            theirs.setdefault(words_of(text.text), []).append(index)
    del words_of
    for side in (mine, theirs):
        side.pop("", None)
    same: dict[int, _Match] = {}

    def take(how: How, words: str, match: tuple[int, float]) -> None:
        for index in theirs.pop(words):
            same[index] = _Match(WAYS.index(how), match[1], match[0])

    for words in [words for words in theirs if words in mine]:
        take("normalised", words, (mine[words], 1.0))
    others, firsts = list(mine), list(mine.values())
    looks: tuple[tuple[How, Look], ...] = (
        ("13-gram", shared_passages),
        ("minhash", near_duplicates),
    )
    for how, look in looks:
        rest = list(theirs)
        for at, (other, share) in look(others, rest).items():
            take(how, rest[at], (firsts[other], share))
    return same


def _overlap(left: Text, right: Text, match: _Match) -> Overlap:
    shorter = min(right.text, left.text, key=len)
    shown = " ".join(shorter[: 4 * _EXCERPT].split())
    shown = shown if len(shown) <= _EXCERPT else shown[:_EXCERPT] + "…"
    return Overlap(left, right, WAYS[match.rank], match.share, shown)

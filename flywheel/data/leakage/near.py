"""Near duplicates within one list of texts.

What every text begins with (an instruction, mostly) is left out, or all would be near each other.
Each text is compared with those before it that share a band of its MinHash sketch, at most eight;
the exact Jaccard index of the n-grams of five characters decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flywheel.data.leakage.minhash import Sketches, sketch
from flywheel.data.leakage.ngrams import U64, distinct

_MOST_TRIED = 8
# The estimate's standard error is 0.04; pairs three of them below the threshold are not looked at.
_SLACK = 0.12
# Beyond this a text is compared by its beginning: a book is told from another by a page.
_LONGEST = 20_000


def near_pairs(texts: Sequence[str], threshold: float) -> dict[int, tuple[int, float]]:
    """For each text that has one: an earlier text at least this near, and their Jaccard index."""
    if len(texts) < 2:
        return {}
    begin = _shared(min(texts), max(texts))
    cut = [text[begin : begin + _LONGEST] or text[:_LONGEST] or " " for text in texts]
    found: dict[int, tuple[int, float]] = {}
    grams: dict[int, U64] = {}
    for index, others in sorted(_earlier(sketch(cut), threshold - _SLACK).items()):
        mine = grams.setdefault(index, distinct(cut[index]))
        shares = [
            (_jaccard(grams.setdefault(other, distinct(cut[other])), mine), -other)
            for other in others
        ]
        share, other = max(shares)
        if share >= threshold:
            found[index] = (-other, share)
    return found


def _shared(first: str, last: str) -> int:
    """How long the words are that all texts begin with: those that the first and last share."""
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first.rfind(" ", 0, next(differs, min(len(first), len(last)))) + 1


def _earlier(sketches: Sketches, least: float) -> dict[int, list[int]]:
    """For each text the earlier ones that are likely near, by their sketches.

    Only the first of those that share a band is tried in that band: with many alike, each is
    found near the first, and the work grows with the texts and not with their pairs.
    """
    tried: dict[int, list[int]] = {}
    for keys in sketches.bands:
        order: Any = np.argsort(keys, kind="stable")
        ordered = keys[order]
        new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        firsts = order[np.maximum.accumulate(np.where(new, np.arange(new.size), 0))]
        mine, theirs = order[~new], firsts[~new]
        agree: Any = (sketches.bytes[mine] == sketches.bytes[theirs]).mean(axis=1) >= least
        for index, other in zip(mine[agree].tolist(), theirs[agree].tolist(), strict=True):
            others = tried.setdefault(index, [])
            if other not in others and len(others) < _MOST_TRIED:
                others.append(other)
    return tried


def _jaccard(one: U64, other: U64) -> float:
    both = np.intersect1d(one, other, assume_unique=True).size
    return both / (one.size + other.size - both)

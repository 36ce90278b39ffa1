"""Shared passages: the share of the shorter text that occurs in the other, in 13-grams of words.

The share is relative to the distinct 13-grams of the text that has fewer. A text of 8 to 12 words
is a single n-gram; shorter texts are too common to be evidence. 13 and 8 are the bounds of GPT-3's
contamination analysis.

If an n-gram occurs in more than 50 left texts, only the first 50 are considered, and of these the 8
with the most shared n-grams, so that the work is linear in the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from flywheel.data.leakage.ngrams import U64, Grams, Indices, count_distinct, pairs, word_grams

HALF = 0.5
_LONG, _SHORT = 13, 8
_MOST_HOLDERS = 50
_MOST_TRIED = 8
_CHUNK = 1 << 18
Matches = dict[int, tuple[int, float]]


class _Scan(NamedTuple):
    """A side's n-grams that also occur on the other side, by size, and its distinct 13-grams."""

    kept: dict[int, Grams]
    sizes: Indices


def shared_passages(left: Sequence[str], right: Sequence[str]) -> Matches:
    """Maps right texts that share at least `HALF` to the left text and the share.

    Texts must be normalised and not empty. Of several matches, the one with the largest share.
    """
    whole_left, whole_right = _whole(left), _whole(right)
    long_right = _all(right)
    mine = _scan(left, {**_hashes(whole_right), _LONG: long_right})
    common = np.unique(mine.kept[_LONG].hashes)
    theirs = _scan(right, {**_hashes(whole_left), _LONG: common})
    found = _long_passages(mine, theirs)
    for size, whole in whole_right.items():
        _add(found, [(right, left) for left, right in _holders(mine.kept[size], whole)])
    for size, whole in whole_left.items():
        _add(found, _holders(theirs.kept[size], whole))
    return found


def _add(found: Matches, matches: list[tuple[int, int]]) -> None:
    """Add (right, left) pairs of which one text contains the other."""
    for right, left in matches:
        found[right] = min(found.get(right, (left, 0.0)), (left, 1.0), key=_strength)


def _strength(match: tuple[int, float]) -> tuple[float, int]:
    return -match[1], match[0]


def _whole(texts: Sequence[str]) -> dict[int, Grams]:
    """The texts that are a single n-gram, by number of words, sorted by hash."""
    found: dict[int, Grams] = {}
    for size in range(_SHORT, _LONG):
        owners = [index for index, text in enumerate(texts) if text.count(" ") == size - 1]
        grams = [grams for _, grams in word_grams([texts[owner] for owner in owners], [size])]
        if grams:
            hashes = np.concatenate([part.hashes for part in grams])
            order = np.argsort(hashes, kind="stable")
            found[size] = Grams(hashes[order], np.array(owners, dtype=np.int64)[order])
    return found


def _hashes(whole: Mapping[int, Grams]) -> dict[int, U64]:
    return {size: grams.hashes for size, grams in whole.items()}


def _all(texts: Sequence[str]) -> U64:
    parts = [grams.hashes for _, grams in word_grams(texts, [_LONG])]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _scan(texts: Sequence[str], wanted: Mapping[int, U64]) -> _Scan:
    kept: dict[int, list[Grams]] = {size: [] for size in wanted}
    sizes = np.zeros(len(texts), dtype=np.int64)
    for size, grams in word_grams(texts, wanted):
        if size == _LONG:
            sizes += count_distinct(grams, len(texts))
        keys = wanted[size]
        places = np.searchsorted(keys, grams.hashes)
        places[places == keys.size] = 0
        here = keys[places] == grams.hashes if keys.size else np.zeros(0, dtype=np.bool_)
        kept[size].append(Grams(grams.hashes[here], grams.owners[here]))
    return _Scan({size: _join(parts) for size, parts in kept.items()}, sizes)


def _join(parts: list[Grams]) -> Grams:
    if not parts:
        return Grams(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
    hashes = np.concatenate([part.hashes for part in parts])
    return Grams(hashes, np.concatenate([part.owners for part in parts]))


def _holders(kept: Grams, whole: Grams) -> list[tuple[int, int]]:
    """(containing text, contained text) for each kept n-gram."""
    places = np.searchsorted(whole.hashes, kept.hashes)
    return list(zip(kept.owners.tolist(), whole.owners[places].tolist(), strict=True))


def _long_passages(left: _Scan, right: _Scan) -> Matches:
    """The best left text for each right text, by the 13-grams that they share."""
    mine, theirs = left.kept[_LONG], right.kept[_LONG]
    # N-grams are renumbered from 0, so that n-gram and owner fit into one integer.
    grams = np.unique(mine.hashes)
    held = np.unique(np.searchsorted(grams, mine.hashes) * left.sizes.size + mine.owners)
    count = max(1, grams.size)
    asked = np.unique(theirs.owners * count + np.searchsorted(grams, theirs.hashes))
    found: Matches = {}
    for part in _by_owner(asked // count):
        ids = (asked[part] % count).astype(np.uint64)
        found.update(_best(left, right, held, Grams(ids, asked[part] // count)))
    return found


def _by_owner(owners: Indices) -> Iterator[slice]:
    """Slices of about one chunk that do not split an owner's n-grams. `owners` must be sorted."""
    begin = 0
    while begin < owners.size:
        end = min(begin + _CHUNK // _MOST_HOLDERS, owners.size)
        end = int(np.searchsorted(owners, int(owners[end - 1]), "right"))
        yield slice(begin, end)
        begin = end


def _best(left: _Scan, right: _Scan, held: Indices, asked: Grams) -> Matches:
    count = left.sizes.size
    places, met = pairs((held // count).astype(np.uint64), asked.hashes, _MOST_HOLDERS)
    keys, shared = np.unique(asked.owners[places] * count + held[met] % count, return_counts=True)
    theirs, mine = keys // count, keys % count
    shares = shared / np.minimum(left.sizes[mine], right.sizes[theirs])
    order = np.lexsort((mine, -shares, theirs))
    found: Matches = {}
    begins = np.flatnonzero(np.diff(theirs[order], prepend=-1))
    for begin, end in pairwise([*begins.tolist(), order.size]):
        tried = order[begin : min(end, begin + _MOST_TRIED)]
        owner, others = int(theirs[tried[0]]), mine[tried]
        # Exact counts: above, only the first texts with a frequent n-gram were considered.
        first, last = np.searchsorted(asked.owners, [owner, owner + 1])
        wanted = asked.hashes[first:last].astype(np.int64)[:, None] * count + others
        places = np.minimum(np.searchsorted(held, wanted), held.size - 1)
        exact = (held[places] == wanted).sum(axis=0)
        exact = exact / np.minimum(left.sizes[others], right.sizes[owner])
        best = int(exact.argmax())
        if exact[best] >= HALF:
            found[owner] = (int(others[best]), float(exact[best]))
    return found

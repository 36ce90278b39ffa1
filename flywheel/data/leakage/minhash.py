"""Near duplicates: texts with similar sets of five-character n-grams.

MinHash with 128 permutations in 25 bands of 5 finds candidates; the exact Jaccard index of the sets
decides. Seeds are constants, so results are the same on every machine. A pair at 0.7 is found with
99% probability, at 0.8 practically always. If more than 64 texts share a band, only the first 64
are compared, so that the work is linear in the texts.

Within one list, the common prefix of all texts (usually an instruction) is ignored; otherwise all
texts would be similar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flywheel.data.leakage.ngrams import U64, Grams, Indices, char_grams, distinct, mix, pairs

NEAR = 0.7
PERMUTATIONS = 128
_BANDS, _ROWS = 25, 5
_MOST_IN_BAND = 64
_MOST_TRIED = 8
_CHUNK = 1000
# Three standard errors (0.04) of the estimate, so that almost no pair is lost.
_SLACK = 0.12
# Within a list, only this many characters of a text are compared.
_LONGEST = 20_000
_SEED = 20261120
_DRAWN = mix(np.arange(_SEED, _SEED + 2 * PERMUTATIONS, dtype=np.uint64)).astype(np.uint32)
_FACTORS, _SHIFTS = _DRAWN[:PERMUTATIONS] | np.uint32(1), _DRAWN[PERMUTATIONS:]


class Sketches(NamedTuple):
    """The sketch of each text: the low byte of each minimum, and a hash for each band."""

    bytes: NDArray[np.uint8]
    bands: U64


def near_duplicates(left: Sequence[str], right: Sequence[str]) -> dict[int, tuple[int, float]]:
    """Maps right texts to a left text with a Jaccard index of at least `NEAR`, and the index.

    Texts must be normalised and not empty. Of several matches, the one with the best estimate.
    """
    if not left or not right:
        return {}
    mine, theirs = sketch(left), sketch(right)
    found: dict[int, tuple[int, float]] = {}
    for index, others in _candidates(mine, theirs, NEAR - _SLACK):
        grams = distinct(right[index])
        for other in others:
            share = _jaccard(distinct(left[other]), grams)
            if share >= NEAR:
                found[index] = (other, share)
                break
    return found


def near_pairs(texts: Sequence[str], threshold: float) -> dict[int, tuple[int, float]]:
    """Maps texts to an earlier text above the threshold, and the Jaccard index."""
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


def sketch(texts: Sequence[str]) -> Sketches:
    """The sketches of texts, one row each."""
    blocks = [_sketch(grams) for grams in char_grams(texts)]
    return Sketches(
        np.concatenate([block.bytes for block in blocks]),
        np.concatenate([block.bands for block in blocks], axis=1),
    )


def _sketch(grams: Grams) -> Sketches:
    begins = np.flatnonzero(np.diff(grams.owners, prepend=-1))
    values = (grams.hashes >> np.uint64(32)).astype(np.uint32)
    least = np.empty((PERMUTATIONS, begins.size), dtype=np.uint32)
    permuted = np.empty_like(values)
    for row, factor, shift in zip(least, _FACTORS, _SHIFTS, strict=True):
        np.multiply(values, factor, out=permuted)
        np.add(permuted, shift, out=permuted)
        np.minimum.reduceat(permuted, begins, out=row)
    bands = np.zeros((_BANDS, begins.size), dtype=np.uint64)
    for place in range(_ROWS):
        bands = mix(bands + least[place * _BANDS : (place + 1) * _BANDS])
    # The upper bits of a minimum are nearly always zero, so the lowest byte is enough.
    return Sketches(np.ascontiguousarray(least.astype(np.uint8).T), bands)


def _candidates(left: Sketches, right: Sketches, least: float) -> Iterator[tuple[int, list[int]]]:
    """For each right text the candidate left texts, the likeliest first."""
    orders = np.argsort(left.bands, axis=1, kind="stable")
    bands = np.take_along_axis(left.bands, orders, axis=1)
    size, count = left.bytes.shape[0], right.bytes.shape[0]
    for first in range(0, count, _CHUNK):
        chunk = np.arange(first, min(first + _CHUNK, count))
        met: list[Indices] = []
        for keys, order, wanted in zip(bands, orders, right.bands[:, chunk], strict=True):
            mine, places = pairs(keys, wanted, _MOST_IN_BAND)
            met.append(mine * size + order[places])
        both = np.unique(np.concatenate(met))
        mine, theirs = chunk[both // size], both % size
        shares = _agreement(right.bytes, mine, left.bytes, theirs)
        likely = shares >= least
        yield from _best(mine[likely], theirs[likely], shares[likely])


def _agreement(
    right: NDArray[np.uint8], mine: Indices, left: NDArray[np.uint8], theirs: Indices
) -> NDArray[np.float64]:
    """The estimated Jaccard index of each pair: the share of permutations that agree."""
    shares = np.empty(mine.size)
    for at in range(0, mine.size, 1 << 16):
        part = slice(at, at + (1 << 16))
        shares[part] = (right[mine[part]] == left[theirs[part]]).mean(axis=1)
    return shares


def _best(
    mine: Indices, theirs: Indices, shares: NDArray[np.float64]
) -> Iterator[tuple[int, list[int]]]:
    order = np.lexsort((theirs, -shares, mine))
    mine, theirs = mine[order], theirs[order]
    begins = np.flatnonzero(np.diff(mine, prepend=-1))
    for begin, end in pairwise([*begins.tolist(), mine.size]):
        yield int(mine[begin]), theirs[begin : min(end, begin + _MOST_TRIED)].tolist()


def _jaccard(one: U64, other: U64) -> float:
    shared = np.intersect1d(one, other, assume_unique=True).size
    return shared / (one.size + other.size - shared)


def _shared(first: str, last: str) -> int:
    """The length, in whole words, of the common prefix of the first and last sorted texts."""
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first.rfind(" ", 0, next(differs, min(len(first), len(last)))) + 1


def _earlier(sketches: Sketches, least: float) -> dict[int, list[int]]:
    """For each text the candidate earlier texts, by their sketches.

    In each band a text is only compared with the first text that shares it, so that the work is
    linear in the texts even if many are alike.
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

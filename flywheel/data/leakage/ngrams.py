"""N-grams as 64-bit hashes, for many texts at once.

Texts must be normalised (words separated by single spaces) and not empty. They are processed with
numpy in blocks, so that a hundred thousand texts take seconds and the memory of one block. The hash
is not cryptographic: collisions can be constructed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
Indices = NDArray[np.int64]

CHARS = 5
_BLOCK = 1 << 21
_LETTER, _WORD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


class Grams(NamedTuple):
    """N-grams in the order of the texts: the hash of each, and the index of its text."""

    hashes: U64
    owners: Indices


def word_grams(texts: Sequence[str], sizes: Iterable[int]) -> Iterator[tuple[int, Grams]]:
    """The n-grams of words, for each block of texts and each size. A shorter text has none."""
    sizes = tuple(sizes)
    for first, block in _blocks(texts):
        words = _words(block)
        for size in sizes:
            hashes = _windows(words.hashes, size, _WORD)
            same = words.owners[: hashes.size] == words.owners[words.owners.size - hashes.size :]
            yield size, Grams(hashes[same], words.owners[: hashes.size][same] + first)


def char_grams(texts: Sequence[str]) -> Iterator[Grams]:
    """The n-grams of five characters, for each block of texts. A shorter text is one n-gram."""
    for first, block in _blocks(texts):
        codes = _codes([text.ljust(CHARS, "\0") for text in block])
        breaks = codes == ord("\n")
        owners = np.cumsum(breaks)
        hashes = _windows(codes.astype(np.uint64), CHARS, _LETTER)
        whole = (owners[: hashes.size] == owners[CHARS - 1 :]) & ~breaks[: hashes.size]
        yield Grams(hashes[whole], owners[: hashes.size][whole] + first)


def distinct(text: str) -> U64:
    """The distinct n-grams of five characters of one text, sorted."""
    return np.unique(next(char_grams([text])).hashes)


def count_distinct(grams: Grams, texts: int) -> Indices:
    """The number of distinct n-grams of each text; `texts` is the number of texts."""
    if not grams.hashes.size:
        return np.zeros(texts, dtype=np.int64)
    # The owner and 40 bits of the hash in one integer: a single sort, with rare miscounts (1e-9).
    first = int(grams.owners[0])
    keys = (grams.owners - first).astype(np.uint64) << np.uint64(40)
    keys |= grams.hashes >> np.uint64(24)
    keys.sort()
    new = np.concatenate(([True], keys[1:] != keys[:-1]))
    owners = (keys[new] >> np.uint64(40)).astype(np.int64) + first
    return np.bincount(owners, minlength=texts)


def pairs(keys: U64, wanted: U64, most: int) -> tuple[Indices, Indices]:
    """The indices (in `wanted`, in `keys`) of equal values, at most `most` for each wanted one.

    `keys` must be sorted.
    """
    begin = np.searchsorted(keys, wanted, "left")
    counts = np.minimum(np.searchsorted(keys, wanted, "right") - begin, most)
    mine = np.repeat(np.arange(wanted.size), counts)
    steps = np.arange(mine.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return mine, begin[mine] + steps


def mix(values: U64) -> U64:
    """Mix the bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _words(block: list[str]) -> Grams:
    codes = _codes(block)
    inside = codes > ord(" ")
    begins = np.flatnonzero(inside & ~np.concatenate(([False], inside[:-1])))
    owners = np.cumsum(codes == ord("\n"))[begins]
    lengths = np.diff(np.append(begins, codes.size))
    places = np.arange(codes.size) - np.repeat(begins, lengths)
    powers = np.cumprod(np.full(int(lengths.max()), _LETTER))
    letters = np.where(inside, codes, 0).astype(np.uint64) * powers[places]
    return Grams(mix(np.add.reduceat(letters, begins)), owners)


def _windows(values: U64, size: int, base: np.uint64) -> U64:
    count = max(0, values.size - size + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        hashes *= base
        hashes += values[place : place + count]
    return mix(hashes)


def _codes(block: list[str]) -> NDArray[np.uint32]:
    return np.frombuffer("\n".join(block).encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The texts in blocks of about two million characters, each with the index of its first."""
    block: list[str] = []
    first, size = 0, 0
    for index, text in enumerate(texts):
        if block and size + len(text) > _BLOCK:
            yield first, block
            block, first, size = [], index, 0
        block.append(text)
        size += len(text) + 1
    if block:
        yield first, block

# pyright: standard
"""Pretraining batches: first copying practice, then the mix, from two separate streams.

A model of this size learns to copy order ids only from dense practice, and everything else depends
on it. The streams have separate seeds, so each is the same on every machine, whenever the switch
happens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel.tiny.desk.documents import Document, draw_document, practise_copying

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 1500
# The weight of tokens outside the answers.
BACKGROUND = 0.1
_POOL = 100
_Row = tuple[list[int], list[float]]  # ids and weights of one document


class Batch(NamedTuple):
    """Token ids, right-padded, and the weight of each as a target (0 for padding)."""

    ids: torch.Tensor
    weights: torch.Tensor

    @property
    def tokens(self) -> int:
        """The number of tokens without padding."""
        return int((self.weights > 0).sum())


class Practice:
    """An endless source of batches; `switch` changes from copying to the mix."""

    def __init__(self, tokenizer: Any, seed: int) -> None:
        self.encode = _encoder(tokenizer)
        self.pad = int(tokenizer.pad_token_id)
        self._copying = self._stream(practise_copying, random.Random(f"{seed}-copying"))
        self._mix = self._stream(draw_document, random.Random(f"{seed}-mix"))
        self.on_mix = False

    def switch(self) -> None:
        """Change to the mix."""
        self.on_mix = True

    def next(self) -> Batch:
        """The next batch."""
        return next(self._mix if self.on_mix else self._copying)

    def _stream(
        self, draw: Callable[[random.Random], Document], rng: random.Random
    ) -> Iterator[Batch]:
        while True:
            pool = [self.encode(draw(rng)) for _ in range(_POOL)]
            batches = _by_length(pool)
            rng.shuffle(batches)
            for rows in batches:
                yield self._pack(rows)

    def _pack(self, rows: list[_Row]) -> Batch:
        import torch

        width = max(len(ids) for ids, _ in rows)
        ids = torch.full((len(rows), width), self.pad)
        weights = torch.zeros(len(rows), width)
        for at, (row, weight) in enumerate(rows):
            ids[at, : len(row)] = torch.tensor(row)
            weights[at, : len(row)] = torch.tensor(weight)
        return Batch(ids, weights)


def _encoder(tokenizer: Any) -> Callable[[Document], _Row]:
    """A function that encodes a document, with weights from the template's assistant mask."""

    def encode(document: Document) -> _Row:
        encoded = tokenizer.apply_chat_template(
            document, return_dict=True, return_assistant_tokens_mask=True
        )
        mask = encoded["assistant_masks"]
        return encoded["input_ids"], [1.0 if answer else BACKGROUND for answer in mask]

    return encode


def _by_length(pool: list[_Row]) -> list[list[_Row]]:
    """Batches of documents of similar length, each at most BATCH_TOKENS with padding."""
    batches: list[list[_Row]] = [[]]
    for row in sorted(pool, key=lambda row: len(row[0])):
        if batches[-1] and len(row[0]) * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    return batches

# pyright: standard
"""Pretraining on text as it is: every token carries loss.

The texts follow each other, each ended by the token that ends one, and are cut into pieces of
`max_length`; the last piece may be shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel.data.rows.training_row import TrainingRow
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.objectives.sft import token_trainer
from flywheel.levers.training.order import Order


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for texts."""
    tokens = pieces(base, rows, order.numbers.max_length)
    return token_trainer(base, order, tokens, folder, callbacks)


def pieces(base: Base, rows: Sequence[TrainingRow], max_length: int) -> list[dict[str, list[int]]]:
    """The texts in pieces of tokens. A piece of one has nothing to foretell and is dropped."""
    end = base.tokenizer.eos_token_id
    ids: list[int] = []
    for row in rows:
        ids += base.tokenizer(row.text)["input_ids"]
        ids += [base.template.end_id if end is None else end]
    cut = [ids[at : at + max_length] for at in range(0, len(ids), max_length)]
    return [{"input_ids": piece, "labels": piece} for piece in cut if len(piece) > 1]

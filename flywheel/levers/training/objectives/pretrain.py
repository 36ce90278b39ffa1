# pyright: standard
"""Pretraining on plain text: every token carries loss.

The texts are concatenated, separated by the end token, and cut into pieces of `max_length` tokens;
the last piece may be shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from flywheel.data.rows.training_row import Kind, TrainingRow
from flywheel.levers.training.config import Rates, Setup, TrainingConfig
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.objectives.sft import token_trainer


class Pretrain(TrainingConfig, frozen=True):
    """Texts from a file."""

    lever: Literal["pretrain"] = "pretrain"

    row_kinds: ClassVar[tuple[Kind, ...]] = ("text",)
    row_format: ClassVar[str] = "text"
    learns_split: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates(adapter=(1.5e-3, 2e-4), full=(3e-3, 3e-4))
    usual_batch: ClassVar[int] = 8

    def trainer(self, setup: Setup) -> Any:
        """The trainer for texts."""
        tokens = pieces(setup.base, setup.rows, setup.numbers.max_length)
        return token_trainer(tokens, setup, self.seed)


def pieces(base: Base, rows: Sequence[TrainingRow], max_length: int) -> list[dict[str, list[int]]]:
    """The texts as pieces of tokens. A piece of one token has nothing to predict and is dropped."""
    end = base.tokenizer.eos_token_id
    ids: list[int] = []
    for row in rows:
        ids += base.tokenizer(row.text)["input_ids"]
        ids += [base.template.end_id if end is None else end]
    cut = [ids[at : at + max_length] for at in range(0, len(ids), max_length)]
    return [{"input_ids": piece, "labels": piece} for piece in cut if len(piece) > 1]

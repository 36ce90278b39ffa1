# pyright: standard
"""Pretraining on text as it is: every token carries loss.

The texts follow each other, each ended by the token that ends one, and are cut into pieces of
`max_length`; the last piece may be shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.training_row import TrainingRow
from flywheel.training.arguments import common
from flywheel.training.base import Base
from flywheel.training.order import Order


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for texts."""
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    return SFTTrainer(
        model=base.model,
        args=SFTConfig(
            **common(order, folder),
            max_length=None,
            packing=False,
            completion_only_loss=False,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_list(pieces(base, rows, order.numbers.max_length)),
        processing_class=base.tokenizer,
        callbacks=cast("list[Any]", list(callbacks)),
    )


def pieces(base: Base, rows: Sequence[TrainingRow], max_length: int) -> list[dict[str, list[int]]]:
    """The texts in pieces of tokens. A piece of one has nothing to foretell and is dropped."""
    end = base.tokenizer.eos_token_id
    ids: list[int] = []
    for row in rows:
        ids += base.tokenizer(row.text)["input_ids"]
        ids += [base.template.end_id if end is None else end]
    cut = [ids[at : at + max_length] for at in range(0, len(ids), max_length)]
    return [{"input_ids": piece, "labels": piece} for piece in cut if len(piece) > 1]

# pyright: standard
"""Supervised training: learn to say what the assistant says in the rows. See masks.py for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.rows.training_row import TrainingRow
from flywheel.levers.training.arguments import common
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.order import Order
from flywheel.levers.training.rows.masks import mask_rows


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for conversations. Raises NothingToLearn, or NotTrainable with a row's place."""
    masked = mask_rows(rows, base.template, order.numbers.max_length)
    tokens = [{"input_ids": row.ids, "labels": row.labels} for row in masked]
    return token_trainer(base, order, tokens, folder, callbacks)


def token_trainer(
    base: Base,
    order: Order,
    tokens: Sequence[dict[str, list[int]]],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for rows of tokens with their labels, taken as they are."""
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
        train_dataset=Dataset.from_list(list(tokens)),
        processing_class=base.tokenizer,
        callbacks=cast("list[Any]", list(callbacks)),
    )

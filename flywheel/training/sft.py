# pyright: standard
"""Supervised training: learn to say what the assistant says in the rows. See masks.py for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.training_row import TrainingRow
from flywheel.training.arguments import common
from flywheel.training.base import Base
from flywheel.training.masks import mask_rows
from flywheel.training.order import Order


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for conversations. Raises NothingToLearn, or NotTrainable with a row's place."""
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    masked = mask_rows(rows, base.template, order.numbers.max_length)
    return SFTTrainer(
        model=base.model,
        args=SFTConfig(
            **common(order, folder),
            max_length=None,
            packing=False,
            completion_only_loss=False,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_list(
            [{"input_ids": row.ids, "labels": row.labels} for row in masked]
        ),
        processing_class=base.tokenizer,
        callbacks=cast("list[Any]", list(callbacks)),
    )

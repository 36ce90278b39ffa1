# pyright: standard
"""A reward model: one number for an answer, higher for the chosen of two.

It writes nothing, so no exam is taken and the last checkpoint is the result. RFT can be rewarded by
it; an evalset's graders judge what that comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.training_row import TrainingRow
from flywheel.training.arguments import common
from flywheel.training.base import Base
from flywheel.training.order import Order
from flywheel.training.preferences import pair_tokens


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for a base with a scoring head. Raises NothingToLearn or NotTrainable."""
    from datasets import Dataset
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    pairs = pair_tokens(base, rows, order.numbers.max_length)
    whole = [
        {name: pair["prompt_ids"] + pair[name] for name in ("chosen_ids", "rejected_ids")}
        for pair in pairs
    ]
    return RewardTrainer(
        model=base.model,
        args=RewardConfig(**common(order, folder), max_length=None),
        train_dataset=Dataset.from_list(whole),
        processing_class=base.tokenizer,
        callbacks=cast("list[Any]", list(callbacks)),
    )

# pyright: standard
"""Preferences one by one: good answers become likelier and bad ones less so (KTO)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.rows.training_row import TrainingRow
from flywheel.levers.training.arguments import common
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.order import Order
from flywheel.levers.training.rows.masks import NothingToLearn, answer_ids
from flywheel.levers.training.rows.preferences import drop_copy, reference


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for labelled answers. Raises NothingToLearn, or NotTrainable with a place."""
    from datasets import Dataset
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    class Labelled(KTOTrainer):
        def _prepare_dataset(self, dataset: Any, *rest: Any, **more: Any) -> Any:
            return dataset

    trainer = Labelled(
        model=base.model,
        ref_model=reference(base),
        args=KTOConfig(
            **common(order, folder),
            beta=order.numbers.beta,
            max_length=order.numbers.max_length,
            loss_type=order.config.loss or "kto",
            # The rows are shuffled once, for each is paired with its neighbour's answer.
            train_sampling_strategy="sequential",
        ),
        train_dataset=Dataset.from_list(_tokens(base, order, rows)),
        processing_class=base.tokenizer,
        callbacks=cast("list[Any]", list(callbacks)),
    )
    drop_copy(trainer.model)
    return trainer


def _tokens(base: Base, order: Order, rows: Sequence[TrainingRow]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for row in rows:
        found = answer_ids(row, row.answers[0], base.template, order.numbers.max_length)
        prompt, answer = found
        if answer:
            made.append({"prompt_ids": prompt, "completion_ids": answer, "label": row.label})
    labels = {row["label"] for row in made}
    if len(labels) < 2:
        raise NothingToLearn(
            f"the answers are labelled {labels or 'nothing'} only; kto needs good and bad ones"
        )
    random.Random(order.config.seed).shuffle(made)
    size = order.numbers.batch_size
    for first in range(0, len(made), size):
        batch = made[first : first + size]
        # The KL term is estimated from answers that belong to another prompt.
        for index, row in enumerate(batch):
            row["KL_completion_ids"] = batch[index - 1]["completion_ids"]
    return made

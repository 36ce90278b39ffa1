# pyright: standard
"""Supervised fine-tuning on the assistant's messages; masks.py selects the tokens with loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from flywheel.data.rows.training_row import Kind, TrainingRow
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.evalset.items import Item
from flywheel.levers.training.arguments import common
from flywheel.levers.training.config import Rates, Setup, TrainingConfig
from flywheel.levers.training.rows.masks import mask_rows
from flywheel.levers.training.rows.split_rows import answered


class SFT(TrainingConfig, frozen=True):
    """Conversations; without a file, the gold answers of the train split."""

    lever: Literal["sft"] = "sft"

    row_kinds: ClassVar[tuple[Kind, ...]] = ("sft",)
    row_format: ClassVar[str] = "a conversation that ends with the assistant's turn"
    rates: ClassVar[Rates] = Rates(adapter=(1.5e-3, 2e-4), full=(5e-4, 1e-5))
    usual_batch: ClassVar[int] = 8

    def split_rows(self, evalset: Evalset, items: Sequence[Item]) -> list[TrainingRow]:
        """The gold answers."""
        return [answered(evalset, item) for item in items]

    def trainer(self, setup: Setup) -> Any:
        """The trainer for conversations."""
        masked = mask_rows(setup.rows, setup.base.template, setup.numbers.max_length)
        tokens = [{"input_ids": row.ids, "labels": row.labels} for row in masked]
        return token_trainer(tokens, setup, self.seed)


def token_trainer(tokens: Sequence[dict[str, list[int]]], setup: Setup, seed: int) -> Any:
    """The trainer for rows that are already tokenized and labelled."""
    from datasets import Dataset
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    arguments = SFTConfig(
        **common(setup.numbers, seed, setup.folder),
        max_length=None,
        packing=False,
        completion_only_loss=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SFTTrainer(args=arguments, **setup.kwargs(Dataset.from_list(list(tokens))))

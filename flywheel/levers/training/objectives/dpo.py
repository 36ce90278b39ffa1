# pyright: standard
"""Preferences in pairs: the chosen answer becomes likelier than the rejected one.

DPO and its relatives compare with the model as it was; ORPO and SimPO need no such reference.
Tokens come from masks.py and not from TRL, so that a prompt is the one that is sampled from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.rows.training_row import TrainingRow
from flywheel.levers.training.arguments import common
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.order import Order
from flywheel.levers.training.rows.preferences import drop_copy, pair_tokens, reference


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
) -> Any:
    """The trainer for pairs. Raises NothingToLearn, or NotTrainable with a row's place."""
    from datasets import Dataset

    pairs = pair_tokens(base, rows, order.numbers.max_length)
    told = cast("list[Any]", list(callbacks))
    if order.config.loss in ("orpo", "simpo"):
        # What these trainers would make tokens of; they have them already.
        words = {"prompt": "p", "chosen": "c", "rejected": "r"}
        dataset = Dataset.from_list([{**pair, **words} for pair in pairs])
        return _without_reference(base, order, dataset, folder, told)
    return _with_reference(base, order, Dataset.from_list(pairs), folder, told)


def _with_reference(base: Base, order: Order, dataset: Any, folder: Path, told: list[Any]) -> Any:
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    class Pairs(DPOTrainer):
        def _prepare_dataset(self, dataset: Any, *rest: Any, **more: Any) -> Any:
            return dataset

    loss, weight = order.config.loss or "sigmoid", order.numbers.sft_weight
    trainer = Pairs(
        model=base.model,
        ref_model=reference(base),
        args=DPOConfig(
            **common(order, folder),
            beta=order.numbers.beta,
            max_length=order.numbers.max_length,
            loss_type=[loss, "sft"] if weight else [loss],
            loss_weights=[1.0, weight] if weight else None,
            label_smoothing=0.1 if loss == "robust" else 0.0,
        ),
        train_dataset=dataset,
        processing_class=base.tokenizer,
        callbacks=told,
    )
    drop_copy(trainer.model)
    return trainer


def _without_reference(
    base: Base, order: Order, dataset: Any, folder: Path, told: list[Any]
) -> Any:
    given = {
        **common(order, folder),
        "beta": order.numbers.beta,
        "max_length": order.numbers.max_length,
        "remove_unused_columns": False,
    }
    if order.config.loss == "orpo":
        from trl.experimental.orpo import ORPOConfig as Config
        from trl.experimental.orpo import ORPOTrainer as Trainer
    else:
        from trl.experimental.cpo import CPOConfig as Config
        from trl.experimental.cpo import CPOTrainer as Trainer

        # CPO's own term, the loss of the chosen answer, is no part of SimPO.
        given |= {"loss_type": "simpo", "cpo_alpha": 0.0}

    class Pairs(cast("Any", Trainer)):
        def tokenize_row(self, feature: Any, model: Any = None) -> dict[str, Any]:
            return _sequences(feature)

    return Pairs(
        model=base.model,
        args=Config(**given),
        train_dataset=dataset,
        processing_class=base.tokenizer,
        callbacks=told,
    )


def _sequences(pair: Mapping[str, Any]) -> dict[str, Any]:
    """A pair as these trainers keep it: each answer behind the prompt, with labels."""
    prompt = pair["prompt_ids"]
    made = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
    for name in ("chosen", "rejected"):
        answer = pair[f"{name}_ids"]
        made[f"{name}_input_ids"] = prompt + answer
        made[f"{name}_attention_mask"] = [1] * len(prompt + answer)
        made[f"{name}_labels"] = [-100] * len(prompt) + answer
    return made

# pyright: standard
"""Shared by the preference objectives: tokenized pairs, and the reference model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel.data.rows.training_row import TrainingRow
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.rows.masks import NothingToLearn, answer_ids


def pair_tokens(
    base: Base, rows: Sequence[TrainingRow], max_length: int
) -> list[dict[str, list[int]]]:
    """prompt_ids, chosen_ids and rejected_ids of each pair that still differs after truncation.

    Raises NothingToLearn if none does, and NotTrainable with the row's location.
    """
    made: list[dict[str, list[int]]] = []
    for row in rows:
        (prompt, chosen), (_, rejected) = (
            answer_ids(row, answer, base.template, max_length) for answer in row.answers
        )
        if chosen and rejected and chosen != rejected:
            made.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
    if not made:
        raise NothingToLearn(
            f"no pair of answers differs within max_length ({max_length} tokens); raise max_length,"
            " or use other pairs"
        )
    return made


def drop_copy(model: Any) -> None:
    """Delete the trainer's reference copy of an untrained adapter.

    The model without the adapter is equivalent, so the copy only costs memory.
    """
    if "ref" not in getattr(model, "peft_config", {}):
        return
    learnt = (p for name, p in model.named_parameters() if ".lora_B.default." in name)
    if not any(bool(p.any()) for p in learnt):
        model.delete_adapter("ref")


def reference(base: Base) -> Any:
    """A frozen copy of a fully trained model; None for an adapter, whose base is the reference."""
    import copy

    if hasattr(base.model, "peft_config"):
        return None
    return copy.deepcopy(base.model).eval().requires_grad_(False)

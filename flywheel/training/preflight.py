# pyright: standard
"""Preflight: one step with the longest rows, before a training begins.

If memory runs out it does so now and not after an hour. The step has a learning rate of nothing,
so that it changes no weight, and draws from no random generator that the training draws from. What
is foretold is from the worst batch: most steps are faster and smaller.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flywheel.training.base import Base
from flywheel.training.exam import undisturbed
from flywheel.training.order import Order
from flywheel.training.watch import Diverged

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was measured: numbers of weights, tokens of the longest row, MiB, seconds."""

    parameters: int
    trainable: int
    rows: int
    steps: int
    tokens: int
    longest: int
    seconds_a_step: float | None
    hours: float | None
    memory_mib: int
    peak_mib: int

    def as_json(self) -> dict[str, Any]:
        """What the event `preflight` says."""
        return asdict(self)

    @property
    def lines(self) -> list[str]:
        """The same for people."""
        share = self.trainable / self.parameters
        lines = [
            f"{self.trainable:,} of {self.parameters:,} weights are trained ({share:.1%})",
            f"{self.rows:,} rows, {self.tokens:,} tokens; the longest has {self.longest:,}",
            f"weights, gradients and optimizer: {self.memory_mib:,} MiB; the process at its peak:"
            f" {self.peak_mib:,} MiB",
        ]
        if self.seconds_a_step is not None and self.hours is not None:
            lines.append(
                f"at most {self.seconds_a_step:.2f} s a step, {self.steps:,} steps:"
                f" {_duration(3600 * self.hours)} without exams"
            )
        return lines


def preflight(trainer: Any, base: Base, order: Order) -> Preflight:
    """Try one step. Raises Diverged when its loss is no number; what memory does is its own.

    A trainer that writes its own answers (RFT) is not tried: its rows have no length yet.
    """
    lengths = [_length(row) for row in trainer.train_dataset]
    tries = order.config.lever != "rft"
    seconds = _try_step(trainer, base, order, lengths) if tries else None
    return Preflight(
        parameters=base.parameters,
        trainable=base.trainable,
        rows=len(lengths),
        steps=order.numbers.steps,
        tokens=sum(lengths),
        longest=max(lengths),
        seconds_a_step=None if seconds is None else round(seconds, 4),
        hours=None if seconds is None else round(seconds * order.numbers.steps / 3600, 4),
        memory_mib=_held(base.model),
        peak_mib=_peak(),
    )


def _length(row: Mapping[str, Any]) -> int:
    names = ("input_ids", "prompt_ids", "completion_ids", "chosen_ids", "rejected_ids")
    return sum(len(row[name]) for name in names if name in row)


def _try_step(trainer: Any, base: Base, order: Order, lengths: list[int]) -> float:
    import torch

    longest = sorted(range(len(lengths)), key=lambda i: -lengths[i])[: order.numbers.batch_size]
    model = trainer.model
    with undisturbed(model, base.tokenizer):
        inputs = trainer.data_collator([trainer.train_dataset[i] for i in longest])
        began = time.monotonic()
        model.train()
        with trainer.compute_loss_context_manager():
            loss = trainer.compute_loss(model, trainer._prepare_inputs(inputs))
        loss.backward()
        if not torch.isfinite(loss):
            raise Diverged(
                f"before the first step the loss of the longest rows is {loss.item()}; the base"
                " model or the data is at fault"
            )
        learning = [p for p in model.parameters() if p.grad is not None]
        if all(bool(torch.isfinite(p.grad).all()) for p in learning):
            torch.optim.AdamW(learning, lr=0.0, weight_decay=0.0).step()
        seconds = time.monotonic() - began
        model.zero_grad(set_to_none=True)
    _forget(trainer)
    return seconds


def _forget(trainer: Any) -> None:
    """Take the trial out of what the trainer has counted."""
    for found in getattr(trainer, "_metrics", {}).values():
        found.clear()
    if hasattr(trainer, "_total_train_tokens"):
        trainer._total_train_tokens = 0


def _held(model: Any) -> int:
    """MiB of the weights, and for those that are trained a gradient and Adam's two averages."""
    total = 0
    for p in model.parameters():
        total += p.numel() * p.element_size() * (4 if p.requires_grad else 1)
    return round(total / _MIB)


def _peak() -> int:
    import torch

    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / _MIB)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

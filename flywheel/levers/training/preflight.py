# pyright: standard
"""Preflight: one trial step with the longest rows before a training begins.

If memory runs out, it does so now and not after an hour. The step has a learning rate of 0, so it
changes no weights, and it restores the random states. The estimate comes from the worst batch; most
steps are faster and smaller. An RFT is tried with its longest prompts: its time is estimated with
answers of their current length, its memory on a GPU with answers of the maximum length.
"""

from __future__ import annotations

import resource
import time
from dataclasses import asdict, dataclass
from typing import Any

from flywheel.jobs.progress import Progress
from flywheel.levers.training.exams.live import plain, preserved_state
from flywheel.levers.training.exams.watch import Diverged
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.orders.order import Order

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Preflight:
    """The measurements: numbers of parameters and tokens, time and memory.

    `dollars` is None if the config has no `dollars_per_hour`.
    """

    parameters: int
    trainable: int
    rows: int
    steps: int
    tokens: int
    longest: int
    seconds_a_step: float
    hours: float
    dollars: float | None
    memory_mib: int
    peak_mib: int

    def as_json(self) -> dict[str, Any]:
        """The content of the event `preflight`; `told` has the lines."""
        return {**asdict(self), "told": self.lines}

    @property
    def lines(self) -> list[str]:
        """The measurements as text."""
        share = self.trainable / self.parameters
        price = "" if self.dollars is None else f", {self.dollars:,.2f} dollars"
        return [
            f"{self.trainable:,} of {self.parameters:,} weights are trained ({share:.1%})",
            f"{self.rows:,} rows, {self.tokens:,} tokens; the longest has {self.longest:,}",
            f"weights, gradients and optimizer: {self.memory_mib:,} MiB; the process at its peak:"
            f" {self.peak_mib:,} MiB",
            f"about {self.seconds_a_step:.2f} s a step, {self.steps:,} steps:"
            f" {_duration(3600 * self.hours)}{price}, without exams",
        ]


def preflight(
    trainer: Any, base: Base, order: Order, progress: Progress | None = None
) -> Preflight:
    """Try one step. Raises Diverged if its loss is not finite, and the library's memory errors.

    Raises Stopped between two forward passes if `progress` asks to stop.
    """
    progress = progress or Progress()
    progress.report("trying one step with the longest rows", now=True)
    lengths = order.config.row_lengths(trainer, base)
    with progress.through(plain(base.model), stops=True):
        seconds = _try_step(trainer, base, order, lengths)
    hours, rate = seconds * order.numbers.steps / 3600, order.config.dollars_per_hour
    return Preflight(
        parameters=base.parameters,
        trainable=base.trainable,
        rows=len(lengths),
        steps=order.numbers.steps,
        tokens=sum(lengths),
        longest=max(lengths),
        seconds_a_step=round(seconds, 4),
        hours=round(hours, 4),
        dollars=None if rate is None else round(hours * rate, 4),
        memory_mib=_held(base.model),
        peak_mib=_peak(),
    )


def _try_step(trainer: Any, base: Base, order: Order, lengths: list[int]) -> float:
    import torch

    longest = sorted(range(len(lengths)), key=lambda i: -lengths[i])[: order.numbers.batch_size]
    rows = [trainer.train_dataset[i] for i in longest]
    model = trainer.model
    if trainer.args.gradient_checkpointing:
        # The trainer enables it only when training begins.
        model.gradient_checkpointing_enable(trainer.args.gradient_checkpointing_kwargs)
    with preserved_state(model, base.tokenizer):
        began = time.monotonic()
        model.train()
        parts = order.config.step_inputs(trainer, rows, order.numbers.batch_size)
        for part in parts:
            learn(trainer, part)
        learning = [p for p in model.parameters() if p.grad is not None]
        if all(bool(torch.isfinite(p.grad).all()) for p in learning):
            torch.optim.AdamW(learning, lr=0.0, weight_decay=0.0).step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds = time.monotonic() - began
        largest = order.config.largest_input(trainer, parts[0])
        if largest is not None:
            learn(trainer, largest)
        model.zero_grad(set_to_none=True)
    _forget(trainer)
    return seconds


def learn(trainer: Any, part: Any) -> None:
    """Compute the loss and gradient of one pass. Raises Diverged."""
    import torch

    with trainer.accelerator.autocast(), trainer.compute_loss_context_manager():
        loss = trainer.compute_loss(trainer.model, part)
    loss.backward()
    if not torch.isfinite(loss):
        raise Diverged(
            f"the loss of the longest rows is {loss.item()} before the first step; check the base"
            " model and the data"
        )


def _forget(trainer: Any) -> None:
    """Reset the trainer's counters and logs to their state before the trial step."""
    for counted in ("_metrics", "_logs"):
        for values in getattr(trainer, counted, {}).values():
            if hasattr(values, "clear"):
                values.clear()
    if hasattr(trainer, "_total_train_tokens"):
        trainer._total_train_tokens = 0


def _held(model: Any) -> int:
    """MiB of the weights, plus gradient and Adam's two moments for trainable ones."""
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

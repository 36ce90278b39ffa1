# pyright: standard
"""Pretraining: a Qwen3 of about a million parameters, from scratch, in minutes on one core.

- copying practice until the loss of answers is below COPIED nats per token, then the mix
- Muon for the matrices of the blocks, AdamW for the embedding and the norms
- the learning rate warms up for 40 steps, is constant, and decays linearly over the last 60%

Qwen3 normalises queries and keys, and copying is practised first and alone: without both, no run
with this budget learned to copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flywheel.tiny.desk.practice import Batch, Practice
from flywheel.tiny.tokenizer import LONGEST

COPIED = 0.6
TOKENS = 1_600_000
_FEWEST_COPYING_STEPS = 60
_WARM_UP_STEPS = 40
_FLAT = 0.4
_MUON_RATE, _ADAM_RATE = 0.02, 3e-3


@dataclass(frozen=True)
class Size:
    """The shape of the model."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    intermediate: int = 384


@dataclass(frozen=True)
class Budget:
    """The limit in tokens or CPU seconds, whichever is reached first.

    With a limit in tokens the documents are the same on every machine; with seconds they are not.
    """

    tokens: int = TOKENS
    seconds: float | None = None

    def spent(self, tokens: int, seconds: float) -> float:
        """The spent share of the budget, which may exceed 1.0."""
        return max(tokens / self.tokens, seconds / self.seconds if self.seconds else 0.0)


@dataclass
class Progress:
    """The progress of pretraining. `loss` is the smoothed loss of answers, in nats per token."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = float("nan")
    copied_after: int | None = None

    def note(self, loss: float, tokens: int) -> None:
        """Record a step."""
        self.loss = loss if self.steps == 0 else 0.97 * self.loss + 0.03 * loss
        self.steps += 1
        self.tokens += tokens


def new_model(tokenizer: Any, size: Size = Size(), seed: int = 0) -> Any:
    """A model with random weights, configured for this tokenizer's special tokens."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            head_dim=size.hidden // size.heads,
            intermediate_size=size.intermediate,
            max_position_embeddings=LONGEST,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def pretrain(
    model: Any,
    practice: Practice,
    budget: Budget,
    show: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Train the model in place until the budget is spent. Calls `show` after every step."""
    optimisers = _optimisers(model)
    progress, begun = Progress(), time.process_time()
    model.train()
    while (spent := budget.spent(progress.tokens, progress.seconds)) < 1:
        copied = progress.steps > _FEWEST_COPYING_STEPS and progress.loss < COPIED
        if not practice.on_mix and (copied or spent > 0.5):
            progress.copied_after = progress.tokens if copied else None
            practice.switch()
        batch = practice.next()
        _set_rate(optimisers, progress.steps, spent)
        progress.note(_step(model, optimisers, batch), batch.tokens)
        progress.seconds = time.process_time() - begun
        show(progress)
    model.eval()
    return progress


def _step(model: Any, optimisers: list[Any], batch: Batch) -> float:
    """One update. Returns the loss of the answers."""
    import torch
    from torch.nn import functional

    targets, weights = batch.ids[:, 1:].reshape(-1), batch.weights[:, 1:].reshape(-1)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=batch.ids[:, :-1], use_cache=False).logits
    flat = logits.reshape(-1, logits.shape[-1]).float()
    losses = functional.cross_entropy(flat, targets, reduction="none")
    ((losses * weights).sum() / weights.sum()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()
    answers = weights == 1.0
    return float(losses.detach()[answers].mean())


def _optimisers(model: Any) -> list[Any]:
    import torch

    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim == 2 and "embed" not in name
        (matrices if is_matrix else rest).append(parameter)
    muon = torch.optim.Muon(matrices, lr=_MUON_RATE, momentum=0.95, weight_decay=0.0)
    adam = torch.optim.AdamW(rest, lr=_ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    for optimiser in (muon, adam):
        for group in optimiser.param_groups:
            group["full_rate"] = group["lr"]
    return [muon, adam]


def _set_rate(optimisers: list[Any], steps: int, spent: float) -> None:
    warm = min(1.0, (steps + 1) / _WARM_UP_STEPS)
    falling = 1.0 - max(0.0, (spent - _FLAT) / (1.0 - _FLAT))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["full_rate"] * max(warm * falling, 0.01)

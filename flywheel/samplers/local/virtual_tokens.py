# pyright: standard
"""Adapters that are virtual tokens (prompt tuning): as tokens behind the model's vocabulary.

Each virtual token gets an id of its own, and the model's embedding answers to it. A prompt that
begins with these ids is read as the adapter has it, by every loop that reads prompts.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from flywheel.errors import BadOption


def is_prompt(model: Any) -> bool:
    """Whether the model has an adapter that works through the prompt, and not in its layers."""
    config = getattr(model, "active_peft_config", None)
    return config is not None and bool(config.is_prompt_learning)


@contextmanager
def virtual_tokens(model: Any) -> Generator[tuple[int, ...]]:
    """The ids that stand for the virtual tokens of a PeftModel, while its base knows them.

    Raises BadOption for an adapter that changes keys and values instead of the prompt.
    """
    import torch

    kind = model.active_peft_config.peft_type
    if str(getattr(kind, "value", kind)) not in ("PROMPT_TUNING", "P_TUNING"):
        raise BadOption(f"an adapter of the kind {kind} cannot be sampled here; use lora")
    embedding = model.get_base_model().get_input_embeddings()
    with torch.no_grad():
        virtual = model.get_prompt(batch_size=1)[0].to(embedding.weight)
    first = embedding.num_embeddings
    asked: list[Any] = []

    def known(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        asked[:] = [given[0]]
        return (given[0].clamp(max=first - 1), *given[1:])

    def replaced(module: Any, given: Any, vectors: Any) -> Any:
        (ids,) = asked
        ours = virtual[(ids - first).clamp(min=0)]
        return torch.where((ids >= first).unsqueeze(-1), ours, vectors)

    hooks = (
        embedding.register_forward_pre_hook(known),
        embedding.register_forward_hook(replaced),
    )
    try:
        yield tuple(range(first, first + len(virtual)))
    finally:
        for hook in hooks:
            hook.remove()

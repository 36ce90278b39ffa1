# pyright: standard
"""Greedy answers to many prompts at once, sorted by length so that little is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_BATCH = 128


def answer(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[Mapping[str, str]]],
    most_tokens: int = 64,
) -> list[str]:
    """The model's likeliest answer to each prompt, a list of chat messages."""
    import torch

    texts = [
        tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    answers = [""] * len(texts)
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        batch = tokenizer(
            [texts[at] for at in places],
            return_tensors="pt",
            padding=True,
            return_token_type_ids=False,
        )
        with torch.inference_mode():
            tokens = model.generate(**batch, max_new_tokens=most_tokens, do_sample=False)
        given = tokens[:, batch["input_ids"].shape[1] :]
        for at, text in zip(
            places, tokenizer.batch_decode(given, skip_special_tokens=True), strict=True
        ):
            answers[at] = text
    return answers

# pyright: standard
"""Small random models of five kinds that can be trained, each with a chat template of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.samplers import models

CHATML = models.CHATML
# Of earlier answers it drops the thoughts, and before the last one it puts an empty thought.
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
PHI = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
# kind: family in tests.samplers.models, template, the tokens that the template brings along
KINDS: dict[str, tuple[str, str, list[str]]] = {
    "llama": ("llama", LLAMA, ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
    "qwen3": ("qwen3", CHATML, []),
    "gemma": ("gemma", models.GEMMA, []),
    "mistral": ("mistral", models.DROPS, []),
    "phi": ("phi3", PHI, ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]),
}
ENDS = {
    "llama": "<|eot_id|>",
    "qwen3": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "mistral": "</s>",
    "phi": "<|end|>",
}


def tokenizer(kind: str) -> Any:
    """The tokenizer of a kind, with its template."""
    _, template, tokens = KINDS[kind]
    made = models.tokenizer(template)
    made.add_special_tokens({"additional_special_tokens": tokens})
    made.pad_token = "<s>"
    return made


def save(kind: str, folder: Path) -> Path:
    """A model of this kind with random weights, as its owners would save it."""
    models.save(KINDS[kind][0], folder, vocab_size=400, initializer_range=0.02)
    tokenizer(kind).save_pretrained(folder)
    return folder

# pyright: standard
"""Small random reward models, and what they are asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graders.asks import Rate
from tests.samplers import models


def ask(answer: str, asked: str = "where is my parcel?", **fields: Any) -> Rate:
    """An answer to be rated."""
    said = ({"role": "user", "content": asked}, {"role": "assistant", "content": answer})
    return Rate("m", said, **fields)


def save_reward_model(folder: Path, template: str | None = models.CHATML, **sizes: Any) -> Path:
    """A classifier like Llama with one number and random weights, as its owners would save it."""
    import torch
    import transformers

    torch.manual_seed(0)
    given: Any = models.SIZES | {"vocab_size": 384, "num_labels": 1} | sizes
    model = transformers.LlamaForSequenceClassification(transformers.LlamaConfig(**given))
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    models.tokenizer(template).save_pretrained(folder)
    return folder


def save_reward_adapter(folder: Path, base: Path, *, head: bool = True) -> Path:
    """An adapter with a head over a causal model, both random."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    config = LoraConfig(
        r=2, target_modules=["q_proj"], task_type="SEQ_CLS", init_lora_weights=False
    )
    wrapped = get_peft_model(model, config)
    wrapped.save_pretrained(str(folder))
    if not head:
        from safetensors.torch import load_file, save_file

        path = folder / "adapter_model.safetensors"
        left = {name: t for name, t in load_file(path).items() if "score" not in name}
        save_file(left, path)
    return folder


def set_config(folder: Path, **fields: Any) -> Path:
    """The folder, with other fields in its config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return folder

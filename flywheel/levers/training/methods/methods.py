# pyright: standard
"""Methods: which weights of a model are trained. A new kind is a function here and its row below.

full    every weight
lora    adapters of low rank beside the linear layers; the model itself stays as it is
qlora   the same, with the model held in 4 bits (NF4, double quantisation; bitsandbytes)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flywheel.levers.training.config import Method


def quantisation(method: Method) -> Any:
    """How the model is to be quantised while it is loaded, or None."""
    if method.kind != "qlora":
        return None
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if torch.cuda.is_available() else torch.float32,
    )


def prepare(model: Any, method: Method) -> Any:
    """The loaded model, made ready for an adapter of this kind."""
    if method.kind != "qlora":
        return model
    from peft import prepare_model_for_kbit_training

    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # The first answer in eval mode would repack the weights for good, in a form that lets
            # no gradient through: an exam would end the learning without a word.
            module.support_avx512bf16_for_cpu = False
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def apply(model: Any, method: Method) -> Any:
    """The model with what the method adds to it; only that can be trained afterwards."""
    return _KINDS[method.kind](model, method)


def _full(model: Any, method: Method) -> Any:
    return model


def _lora(model: Any, method: Method) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = method.targets if isinstance(method.targets, str) else list(method.targets)
    config = LoraConfig(
        r=method.r,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=targets,
        # A scoring head is new, so all of it learns.
        modules_to_save=["score"] if hasattr(model, "score") else None,
        task_type="SEQ_CLS" if hasattr(model, "score") else "CAUSAL_LM",
    )
    return get_peft_model(model, config)


_KINDS: dict[str, Callable[[Any, Method], Any]] = {"full": _full, "lora": _lora, "qlora": _lora}

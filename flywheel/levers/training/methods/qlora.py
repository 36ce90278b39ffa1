# pyright: standard
"""qlora: lora on a base in 4 bits (NF4, double quantisation; bitsandbytes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from flywheel.levers.training.methods.lora import LowRank


class QLoRA(LowRank, frozen=True):
    """LoRA on a 4-bit base, which computes in bfloat16 on a GPU and in float32 on a CPU."""

    kind: Literal["qlora"] = "qlora"

    packages: ClassVar[tuple[str, ...]] = ("bitsandbytes",)

    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        """Quantisation happens during loading, directly on the device."""
        import torch
        from transformers import BitsAndBytesConfig

        dtype = torch.bfloat16 if on_gpu else torch.float32
        quantisation = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
        device = "cuda" if on_gpu else "cpu"
        return {"dtype": dtype, "quantization_config": quantisation, "device_map": device}

    def apply(self, model: Any, resume: Path | None) -> Any:
        """Like lora, on a base prepared to pass gradients through."""
        from peft import prepare_model_for_kbit_training

        for module in model.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                # The first forward pass in eval mode would repack the weights permanently, in a
                # form that blocks gradients: after an exam, training would silently stop learning.
                module.support_avx512bf16_for_cpu = False
        ready = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        return super().apply(ready, resume)

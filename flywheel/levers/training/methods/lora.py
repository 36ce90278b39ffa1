# pyright: standard
"""lora: low-rank adapters on the linear layers; the base model is frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from flywheel.levers.training.methods.adapter import load_adapter
from flywheel.levers.training.methods.method import Method, SamplesAs, own_settings

_NAMES = {"r": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "target_modules"}


class LowRank(Method, frozen=True):
    """Adapters of rank `r`, scaled by `alpha` / `r`.

    `targets` are the adapted modules; "all-linear" is every linear layer except the head.
    """

    r: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"

    samples_as: ClassVar[SamplesAs] = "beside"

    def apply(self, model: Any, resume: Path | None) -> Any:
        """The model with the adapter in `resume`, or a new one."""
        from peft import LoraConfig, get_peft_model

        if resume is not None:
            return load_adapter(model, resume, trainable=True)
        scores = hasattr(model, "score")
        config = LoraConfig(
            r=self.r,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.targets if isinstance(self.targets, str) else list(self.targets),
            # A scoring head is randomly initialised, so it is trained in full.
            modules_to_save=["score"] if scores else None,
            task_type="SEQ_CLS" if scores else "CAUSAL_LM",
        )
        return get_peft_model(model, config)

    def continued(self, adapter: Path) -> Self:
        """This method with the adapter's rank, alpha, dropout and modules."""
        return own_settings(self, adapter, "LORA", _NAMES)


class LoRA(LowRank, frozen=True):
    """LoRA on a base in bfloat16 on a GPU, in float32 on a CPU."""

    kind: Literal["lora"] = "lora"

    cheaper: ClassVar[str] = "method.kind=qlora"

    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        """The base is frozen, so lower precision is enough on a GPU."""
        import torch

        return {"dtype": torch.bfloat16 if on_gpu else torch.float32}

# pyright: standard
"""lora: adapters of low rank beside the linear layers; the model itself stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from flywheel.levers.training.methods.adapter import load_adapter
from flywheel.levers.training.methods.method import Method, SamplesAs, own_settings

_NAMES = {"r": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "target_modules"}


class LowRank(Method, frozen=True):
    """Adapters of rank `r`, scaled by `alpha` / `r`.

    `targets` are the modules that get one; "all-linear" means every linear one but the head.
    """

    r: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"

    samples_as: ClassVar[SamplesAs] = "beside"

    def apply(self, model: Any, resume: Path | None) -> Any:
        """The model with its adapter, a new one unless it has one."""
        from peft import LoraConfig, get_peft_model

        if resume is not None:
            return load_adapter(model, resume, trainable=True)
        scores = hasattr(model, "score")
        config = LoraConfig(
            r=self.r,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.targets if isinstance(self.targets, str) else list(self.targets),
            # A scoring head is new, so all of it learns.
            modules_to_save=["score"] if scores else None,
            task_type="SEQ_CLS" if scores else "CAUSAL_LM",
        )
        return get_peft_model(model, config)

    def continued(self, adapter: Path) -> Self:
        """With the rank, alpha, dropout and modules that the adapter has."""
        return own_settings(self, adapter, "LORA", _NAMES)


class LoRA(LowRank, frozen=True):
    """Beside a model in bfloat16 on a GPU, in float32 on a CPU."""

    kind: Literal["lora"] = "lora"

    cheaper: ClassVar[str] = "method.kind=qlora"

    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        """The model does not learn, so on a GPU it may be coarser."""
        import torch

        return {"dtype": torch.bfloat16 if on_gpu else torch.float32}

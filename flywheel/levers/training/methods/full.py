# pyright: standard
"""full: every weight is trained. An existing adapter is merged first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from flywheel.levers.training.methods.adapter import load_adapter
from flywheel.levers.training.methods.method import Method, SamplesAs


class Full(Method, frozen=True):
    """All weights, in float32: half precision would round small updates to zero."""

    kind: Literal["full"] = "full"

    is_adapter: ClassVar[bool] = False
    samples_as: ClassVar[SamplesAs] = "merged"
    cheaper: ClassVar[str] = "train an adapter: method.kind=lora"

    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        """Load in float32."""
        import torch

        return {"dtype": torch.float32}

    def apply(self, model: Any, resume: Path | None) -> Any:
        """The model itself, with its adapter merged."""
        if resume is None:
            return model
        merged = load_adapter(model, resume, trainable=False).merge_and_unload()
        # peft froze the base weights when it loaded the adapter.
        return merged.requires_grad_(True)

    def continued(self, adapter: Path) -> Self:
        """Unchanged: a merged adapter's settings no longer matter."""
        return self

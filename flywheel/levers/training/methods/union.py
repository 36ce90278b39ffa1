"""The union of all methods, discriminated by `kind`. A new method is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field

from flywheel.levers.training.methods.full import Full
from flywheel.levers.training.methods.lora import LoRA
from flywheel.levers.training.methods.qlora import QLoRA


def _is_lora_unless_named(given: Any) -> Any:
    """`method: {r: 8}` in a file means lora."""
    if not isinstance(given, Mapping):
        return given
    return {"kind": "lora", **cast("Mapping[str, Any]", given)}


AnyMethod = Annotated[
    Full | LoRA | QLoRA, Field(discriminator="kind"), BeforeValidator(_is_lora_unless_named)
]

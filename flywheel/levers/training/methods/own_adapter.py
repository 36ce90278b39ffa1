"""The method of a model that is an adapter already: its own, for it is the one that is trained on.

Its rank, alpha, dropout and modules are in its weights. Other ones cannot be asked of it, and what
an order records is what it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from flywheel.errors import BadOption
from flywheel.levers.training.config import Method, TrainConfig
from flywheel.models.folders import ADAPTER, read_config

_NAMES = {"r": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "target_modules"}


def with_own_adapter(config: TrainConfig, folder: Path) -> TrainConfig:
    """The config with the method of the adapter in this folder, where one is in it.

    Raises BadOption for an adapter that is no LoRA, and for a setting that is another than its own.
    Full training merges the adapter, so it has no settings then.
    """
    path = folder / ADAPTER
    if not path.is_file() or config.method.kind == "full":
        return config
    found = read_config(path)
    kind = found.get("peft_type")
    if kind != "LORA":
        raise BadOption(
            f"{path}: an adapter of the kind {kind!r} cannot be trained on, only LORA can; merge it"
            " into its base, or train with method.kind=full, which does so"
        )
    own = {name: _own(found.get(theirs)) for name, theirs in _NAMES.items() if theirs in found}
    try:
        method = Method.model_validate({**config.method.model_dump(), **own})
    except ValidationError as error:
        raise BadOption(f"{path}: no config of a LoRA adapter: {error!s:.300}") from None
    for name, value in own.items():
        asked = getattr(config.method, name)
        if asked not in (Method.model_fields[name].default, value):
            raise BadOption(
                f"method.{name} is {asked!r}, and the model {config.model!r} is an adapter with"
                f" {value!r}, which is trained on; leave method.{name} out, or merge the adapter"
                " into its base first"
            )
    return config.model_copy(update={"method": method})


def _own(value: Any) -> Any:
    """A value as a method has it: modules are a sorted tuple, and a pattern is one of them."""
    if isinstance(value, list):
        return tuple(sorted(map(str, cast("list[Any]", value))))
    return (value,) if isinstance(value, str) and value != "all-linear" else value

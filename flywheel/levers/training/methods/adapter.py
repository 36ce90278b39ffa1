# pyright: standard
"""Loading an existing adapter onto its base, to continue its training or to merge it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadOption
from flywheel.models.folders import ADAPTER


def load_adapter(model: Any, adapter: Path, *, trainable: bool) -> Any:
    """The model with a folder's adapter. Raises BadOption if its weights do not fit its config."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # they are checked below
        adapted = cast("Any", PeftModel).from_pretrained(model, adapter, is_trainable=trainable)
    _check_weights(adapted, adapter)
    return adapted


def _check_weights(model: Any, adapter: Path) -> None:
    """Raise BadOption if the weights of an adapter are not those that its config describes.

    peft itself initialises missing weights and ignores unexpected ones.
    """
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    path = adapter / "adapter_model.safetensors"
    with cast("Any", safe_open)(path, framework="pt") as file:
        there = set(file.keys())
    wanted = set(get_peft_model_state_dict(model))
    if there != wanted:
        missing, surplus = sorted(wanted - there), sorted(there - wanted)
        raise BadOption(
            f"{path} does not match its {ADAPTER}: {len(missing)} weights are missing and"
            f" {len(surplus)} are unexpected, such as {(missing or surplus)[0]}; copy both again"
        )

# pyright: standard
"""An adapter that exists, put on its base again: to be trained on, or to be merged."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadOption
from flywheel.models.folders import ADAPTER


def load_adapter(model: Any, adapter: Path, *, trainable: bool) -> Any:
    """The model with the adapter of a folder. Raises BadOption for one cut short or swapped."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # they are checked below
        adapted = cast("Any", PeftModel).from_pretrained(model, adapter, is_trainable=trainable)
    _check_weights(adapted, adapter)
    return adapted


def _check_weights(model: Any, adapter: Path) -> None:
    """Raise BadOption when the weights of an adapter are not those that its config describes.

    peft makes up what is missing and leaves out what is too much.
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
            f"{path} and its {ADAPTER} do not belong together: {len(missing)} weights are missing"
            f" and {len(surplus)} are too many, such as {(missing or surplus)[0]}; copy both again"
        )

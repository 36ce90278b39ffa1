"""Finds the base model of an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from flywheel.errors import BadOption
from flywheel.models.folders import ADAPTER, read_config
from flywheel.models.hub import model_folder


class Weights(NamedTuple):
    """The folder of a model's weights, and that of its adapter, if it has one."""

    base: Path
    adapter: Path | None


def weights_of(folder: Path) -> Weights:
    """The weights of a model's folder, which holds a full model or an adapter.

    Raises BadOption if an adapter's base is not named, or not on this machine.
    """
    base = base_of(folder)
    return Weights(folder, None) if base is None else Weights(model_folder(base), folder)


def base_of(folder: Path) -> str | None:
    """The name of the base of the adapter in a folder; None for a folder without an adapter.

    A relative path of the base is resolved from the adapter's folder. Raises BadOption.
    """
    path = folder / ADAPTER
    if not path.is_file():
        return None
    named = read_config(path).get("base_model_name_or_path")
    if not named:
        raise BadOption(
            f"{path} names no base model; set base_model_name_or_path to the model that the"
            " adapter was trained on"
        )
    if not isinstance(named, str) or "\0" in named:
        raise BadOption(f"{path}: base_model_name_or_path is no text")
    beside = folder / named
    base = beside if beside.is_dir() else Path(named)
    if (base / ADAPTER).is_file() and not (base / "config.json").is_file():
        raise BadOption(
            f"the base of the adapter {folder} is an adapter itself, {base}; merge that one into"
            " its model first"
        )
    return str(base) if base.is_dir() else named

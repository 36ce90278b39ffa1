"""The folder of a model, treated as untrusted: what may be read, and what is refused.

A model's folder must not run code on this machine. Remote code is never loaded, weights are read
from safetensors only (a pickle runs code when it is read), nothing is downloaded, and settings that
make a library import a module by name are refused. All code that loads a model, a tokenizer or an
adapter takes its arguments from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadOption

ADAPTER = "adapter_config.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# peft imports these modules by the name in its config.
_IMPORTS = ("megatron_config", "megatron_core")
# transformers loads code from the hub by the name of a kernel.
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")
_PLAIN_CORE = "megatron.core"


def safe_arguments(*, fetch: bool = False) -> dict[str, Any]:
    """The arguments of every `from_pretrained` of transformers."""
    return {"local_files_only": not fetch, "trust_remote_code": False}


def safe_weights(*, fetch: bool = False) -> dict[str, Any]:
    """The arguments of a `from_pretrained` that reads weights."""
    return {**safe_arguments(fetch=fetch), "use_safetensors": True}


def check_model(folder: Path) -> None:
    """Raise BadOption for a folder whose config or weights could run code, or are incomplete."""
    if not (folder / "config.json").is_file():
        raise BadOption(f"{folder} holds no model: it has no config.json; copy the folder again")
    config = read_config(folder / "config.json")
    named = [name for name in _KERNELS if _names_a_kernel(config.get(name))]
    if named:
        raise BadOption(
            f"{folder / 'config.json'} names code of the hub in {named[0]!r}; remove that field to"
            " load the model with the code of transformers"
        )
    _check_weights(folder, "model")


def check_adapter(folder: Path) -> None:
    """Like `check_model`, for the folder of an adapter."""
    config = read_config(folder / ADAPTER)
    for name in _IMPORTS:
        if config.get(name) not in (None, {}, _PLAIN_CORE):
            raise BadOption(
                f"{folder / ADAPTER} names a module to import in {name!r}; remove that field"
            )
    _check_weights(folder, "adapter_model")


def read_config(path: Path) -> Mapping[str, Any]:
    """A JSON object in a model's folder, empty if the file is missing. Raises BadOption."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadOption(f"{path} cannot be read: {error}"[:300]) from None
    if not isinstance(found, dict):
        raise BadOption(f"{path} is no JSON object; copy the model again")
    return cast("dict[str, Any]", found)


def _check_weights(folder: Path, stem: str) -> None:
    pickles = sorted(path.name for kind in _PICKLES for path in folder.glob(kind))
    if pickles and not any(folder.glob("*.safetensors")):
        raise BadOption(
            f"{folder} has its weights in a pickle ({pickles[0]}), which runs code when it is read;"
            " where you trust it, load it with its own library and save it as safetensors:"
            f" model.save_pretrained(FOLDER) writes {stem}.safetensors"
        )
    # Checked here because peft would look for a missing file on the hub.
    index = folder / f"{stem}.safetensors.index.json"
    wanted = [f"{stem}.safetensors"]
    if index.is_file():
        wanted = sorted(set(read_config(index).get("weight_map", {}).values()))
    missing = [one for one in wanted if not (folder / one).is_file()]
    if missing:
        raise BadOption(f"{folder} is not complete: {', '.join(missing)} is missing; copy it again")
    for one in wanted:
        _check_length(folder / one)


def _check_length(path: Path) -> None:
    """Raise BadOption if a safetensors file is shorter or longer than its header says."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        try:
            header: dict[str, Any] = {}
            if size < path.stat().st_size:
                header = json.loads(file.read(size))
            ends = [int(t["data_offsets"][1]) for n, t in header.items() if n != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError):
            ends = []
    if not ends or 8 + size + max(ends) != path.stat().st_size:
        raise BadOption(
            f"{path} is not complete: it has {path.stat().st_size:,} bytes, and its header"
            f" describes {8 + size + max(ends, default=0):,}; copy the file again"
        )


def _names_a_kernel(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_names_a_kernel, cast("dict[str, Any]", value).values()))
    return isinstance(value, str) and "/" in value

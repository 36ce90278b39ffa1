"""Whether a model's folder holds all of its files, each at its full length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flywheel.errors import BadOption
from flywheel.models.folders import ADAPTER


def check_whole(folder: Path) -> None:
    """Raise BadOption when weights of a model or an adapter are missing or cut short."""
    config, adapter = folder / "config.json", folder / ADAPTER
    if not config.is_file() and not adapter.is_file():
        raise BadOption(f"{folder} holds no model: it has no config.json; copy the folder again")
    index = folder / "model.safetensors.index.json"
    wanted = ["model.safetensors"] if config.is_file() else ["adapter_model.safetensors"]
    if config.is_file() and index.is_file():
        wanted = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    missing = [one for one in wanted if not (folder / one).is_file()]
    if missing:
        raise BadOption(f"{folder} is not complete: {', '.join(missing)} is missing; copy it again")
    for one in wanted:
        _check_length(folder / one)


def _check_length(path: Path) -> None:
    """Raise BadOption when a safetensors file is shorter or longer than its header says."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        try:
            header: dict[str, Any] = {}
            if size < path.stat().st_size:
                header = json.loads(file.read(size))
            ends = [int(t["data_offsets"][1]) for n, t in header.items() if n != "__metadata__"]
        except ValueError:
            ends = []
    if not ends or 8 + size + max(ends) != path.stat().st_size:
        raise BadOption(
            f"{path} is not complete: it has {path.stat().st_size:,} bytes, and its header"
            f" describes {8 + size + max(ends, default=0):,}; copy the file again"
        )

# pyright: standard
"""The folder of a model's name: a path, or a hub id that is in the local cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadOption
from flywheel.extras import need


def model_folder(name: str) -> Path:
    """The folder of the model of this name. Downloads nothing. Raises BadOption, MissingExtra."""
    return Path(name) if Path(name).is_dir() else cached_folder(name)


def cached_folder(name: str) -> Path:
    """The folder of a hub id in the cache. Downloads nothing. Raises BadOption, MissingExtra."""
    need("huggingface_hub", user=f"the model {name!r}")
    try:
        from huggingface_hub import snapshot_download

        return Path(cast("Any", snapshot_download)(name, local_files_only=True))
    except (OSError, ValueError):
        raise BadOption(
            f"no model {name!r} on this machine: it is no folder, and not in the cache of the hub"
        ) from None

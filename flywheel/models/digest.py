"""Digests of models: of the bytes of every file that affects their answers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flywheel.errors import BadOption
from flywheel.models.adapters import base_of
from flywheel.models.hub import model_folder

_SUFFIXES = (".safetensors", ".bin", ".gguf", ".json", ".jinja", ".model", ".txt")
_digests: dict[tuple[str, int, int, int], str] = {}


def content_digest(name: str) -> str:
    """The sha256 of a model's folder or cached hub id, including the base of an adapter.

    Raises BadOption.
    """
    folder = model_folder(name)
    digest = folder_digest(folder)
    base = base_of(folder)
    return digest if base is None else sha256(digest, content_digest(base))


def folder_digest(folder: Path) -> str:
    """The digest of the weights, configs, tokenizer and templates in a folder. Raises BadOption."""
    files = sorted(path for path in folder.glob("*") if path.suffix in _SUFFIXES and path.is_file())
    if not files:
        raise BadOption(f"the folder {str(folder)!r} holds no model: it has no config.json")
    parts = [part for path in files for part in (path.name, file_digest(path))]
    return sha256(*parts)


def file_digest(path: Path) -> str:
    """The sha256 of a file, cached by its path, size and times. Raises BadOption."""
    try:
        stat = path.stat()
        # A copy may keep the mtime of its source, but never its ctime.
        key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if key not in _digests:
            with path.open("rb") as file:
                _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadOption(f"{path}: cannot be read: {error.strerror}") from None
    return _digests[key]


def sha256(*parts: str) -> str:
    """The digest of several texts in their order, in hex."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()

"""Writes the items of an evalset: the last step of every make.py here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Name = TypeVar("Name", bound=str)
Item = Mapping[str, Any]


def write_splits(
    folder: Path, splits: Iterable[Name], make: Callable[[Name], Iterable[Item]]
) -> None:
    """One file a split, one item a line, in UTF-8 and with the same bytes for the same items."""
    for split in splits:
        lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in make(split)]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")

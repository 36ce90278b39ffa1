"""Items: the rows of one split, streamed from their file, which may have a million.

An item's identity within a split is its position; across splits and versions it is the digest of
its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flywheel.data.rows.rows import parse_row, read_lines
from flywheel.errors import BadFile
from flywheel.store.rows.digest import digest_file

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Items:
    """The items of one file."""

    path: Path

    @cached_property
    def digest(self) -> str:
        """The sha256 of the file, which is the version of the split."""
        try:
            return digest_file(self.path)
        except OSError as error:
            raise BadFile(f"{self.path}: cannot be read: {error.strerror}") from None

    def lines(self) -> Iterator[tuple[int, int, bytes]]:
        """(position, line number, line) of each item, not parsed."""
        for position, (number, line) in enumerate(read_lines(self.path)):
            yield position, number, line

    def read(self, number: int, line: bytes) -> Item:
        """The item on a line. Raises BadFile with the position if it is not an object."""
        return parse_row(self.path, number, line)

    def __iter__(self) -> Iterator[Item]:
        """Every item. Raises BadFile if a line is not an object, or if there are no items."""
        empty = True
        for _, number, line in self.lines():
            empty = False
            yield self.read(number, line)
        if empty:
            raise BadFile(f"{self.path}: no items in it; wanted one JSON object a line")

"""Text layout for terminals: wide characters count twice, and words are not broken.

Only a terminal has a width. Output to a pipe or a file is never truncated, and ignores COLUMNS.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence

# Longer lines are hard to read.
_MOST = 100
_LEAST_TEXT = 8


def terminal_width() -> int | None:
    """The width of the terminal, or COLUMNS; None if standard output is not a terminal."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def cells(text: str) -> int:
    """The columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    # The import takes 30 ms, and most text is ASCII.
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text padded with spaces to this width, on its left for a number (`right`)."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def elide(text: str, width: int) -> str:
    """The text with its middle replaced by `…` if too wide: names often differ at their ends."""
    if cells(text) <= width:
        return text
    room = max(width - 1, 0)
    end = _within(text[::-1], room // 2)[::-1]
    return f"{_within(text, room - cells(end))}…{end}"


def _within(text: str, width: int) -> str:
    """The longest prefix that fits."""
    taken = len(text) if text.isascii() else 0
    while taken < len(text) and cells(text[: taken + 1]) <= width:
        taken += 1
    return text[: min(taken, width)]


def fill(text: str, indent: int = 2, width: int | None = None) -> str:
    """One paragraph wrapped to the width, with all lines but the first indented."""
    most = width or min(_MOST, terminal_width() or _MOST)
    lines = [""]
    for piece in re.findall(r"\s*\S+", re.sub(r"[\n\t]", " ", text)):
        if lines[-1].strip() and cells(lines[-1] + piece) > most:
            lines.append(" " * indent + piece.lstrip())
        else:
            lines[-1] += piece
    return "\n".join(lines)


def shrink(widths: Sequence[int], may: Sequence[bool], most: int, least: int) -> list[int]:
    """Shrink the widest of the columns in `may` until all fit in `most`, or are at `least`."""
    shrunk = list(widths)
    gaps = 2 * (len(shrunk) - 1)
    while sum(shrunk) + gaps > most:
        room = [at for at, width in enumerate(shrunk) if may[at] and width > least]
        if not room:
            break
        widest = max(room, key=lambda at: shrunk[at])
        shrunk[widest] -= 1
    return shrunk


def fit(
    table: list[list[str]], numbers: Sequence[bool], most: int, drop: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
    """The table fitted to a width of `most`, header first, and the names of the dropped columns.

    First the names outside the first column are elided to twelve characters, then columns are
    dropped in the order of `drop`, then all names are elided further. The result may still be too
    wide.
    """
    table = [list(row) for row in table]
    numbers, left_out = list(numbers), list[str]()
    droppable = list(drop)
    while True:
        names = [not number for number in numbers]
        spared = shrink(widths_of(table), [False, *names[1:]], most, 12)
        if sum(spared) + 2 * (len(spared) - 1) <= most or not droppable:
            break
        name = droppable.pop(0)
        if name in table[0]:
            at = table[0].index(name)
            left_out.append(name)
            del numbers[at]
            for row in table:
                del row[at]
    spared = shrink(spared, names, most, _LEAST_TEXT)
    fitted = [
        [elide(cell, width) for cell, width in zip(row, spared, strict=True)] for row in table
    ]
    return fitted, left_out


def widths_of(table: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column."""
    return [max(map(cells, column)) for column in zip(*table, strict=True)]

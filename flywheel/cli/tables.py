"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """One JSON value, indented, for people and for jq."""
    print_line(json.dumps(value, ensure_ascii=False, indent=2))


def print_line(text: str) -> None:
    """One line, as it is: no markup is read in it. A lone surrogate is shown as its escape."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns padded with blanks: the same on a terminal, in a pipe and in the README.

    Columns whose every cell is a number stand to the right.
    """
    table = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
    right = [all(_is_number(row[i]) for row in table[1:]) for i in range(len(columns))]
    for row in table:
        cells = [
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(row, widths, right, strict=True)
        ]
        print_line("  ".join(cells).rstrip())


def number(value: float | None) -> str:
    """A score with three decimals, or a dash when there is none."""
    return "-" if value is None else f"{value:.3f}"


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).replace(",", "").lstrip("-+").isdigit()

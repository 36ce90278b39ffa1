"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from flywheel.cli.terminal.layout import fill, fit, pad, terminal_width, widths_of
from flywheel.visible import json_visible, one_line, visible

_LEAST_WRAPPED = 24


def print_json(value: Any) -> None:
    """Print one indented JSON value."""
    sys.stdout.write(json_visible(json.dumps(value, ensure_ascii=False, indent=2)) + "\n")


def print_line(text: str) -> None:
    """Print text without markup, with invisible characters made visible."""
    sys.stdout.write(visible(text) + "\n")


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    drop: Sequence[str] = (),
    wrap: bool = False,
) -> None:
    """Print aligned columns; numbers are aligned right.

    On a narrow terminal long names are elided, then the columns in `drop` are left out in order.
    With `wrap` the last column is wrapped instead. In a pipe everything is printed in full.
    """
    table = [[one_line(cell, 10_000) for cell in row] for row in [columns, *rows]]
    numbers = [all(map(_is_number, column[1:])) for column in zip(*table, strict=True)]
    most = terminal_width()
    left_out: list[str] = []
    if most is not None and not wrap:
        table, left_out = fit(table, numbers, most, drop)
        numbers = [all(map(_is_number, column[1:])) for column in zip(*table, strict=True)]
    widths = widths_of(table)
    begun = sum(widths[:-1]) + 2 * (len(widths) - 1)
    prose = most - begun if wrap and most is not None else 0
    for row in table:
        padded = [
            pad(cell, width, right=number)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        if prose >= _LEAST_WRAPPED:
            padded[-1] = fill(row[-1], 0, prose).replace("\n", "\n" + " " * begun)
        print_line("  ".join(padded).rstrip())
    if left_out:
        print_line(f"not shown: {', '.join(left_out)}; a wider terminal or --json shows them")


def number(value: float | None) -> str:
    """A score with three decimals, or a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).replace(",", "").lstrip("-+<").isdigit()

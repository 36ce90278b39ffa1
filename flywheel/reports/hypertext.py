"""Pieces of HTML. Whatever came from elsewhere passes through `text` or `name`, and only there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from flywheel.visible import one_line, visible

_NUMBER = re.compile(r"[-+\d]|&lt; ?[.\d]")


def text(words: str) -> str:
    """Words as HTML: no markup is read in them, and nothing in them is hidden."""
    return html.escape(visible(words))


def name(words: str) -> str:
    """A name on one line. Its direction of reading stays its own."""
    return f"<bdi>{html.escape(one_line(words))}</bdi>"


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], strong: int = -1
) -> str:
    """A table that scrolls by itself where it is too wide. Cells are HTML; the first is a header.

    `strong` is the number of the row that decides.
    """
    table = [list(row) for row in rows]
    looks = [_look(row[n] for row in table) for n in range(len(columns))]
    head = "".join(
        f'<th scope="col"{look}>{text(column)}</th>'
        for column, look in zip(columns, looks, strict=True)
    )
    body = "".join(
        f'<tr{" class=strong" if number == strong else ""}><th scope="row">{first}</th>'
        + "".join(f"<td{look}>{cell}</td>" for cell, look in zip(cells, looks[1:], strict=True))
        + "</tr>\n"
        for number, (first, *cells) in enumerate(table)
    )
    label = text(caption)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{label}"><table>'
        f"<caption>{label}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _look(cells: Iterable[str]) -> str:
    """Words stand to the left, numbers to the right."""
    return "" if all(_NUMBER.match(cell) for cell in cells) else ' class="words"'


def figure(drawing: str, caption: str, look: str = "") -> str:
    """A drawing with what it shows below it."""
    return f'<figure class="{look}">{drawing}<figcaption>{text(caption)}</figcaption></figure>\n'

"""HTML fragments. All untrusted text must be escaped by `text` or `name`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from flywheel.visible import one_line, visible

_NUMBER = re.compile(r"[-+\d]|&lt; ?[.\d]")


def text(words: str) -> str:
    """Escaped text, with invisible characters made visible."""
    return html.escape(visible(words))


def name(words: str) -> str:
    """An escaped name on one line, isolated from the text direction around it."""
    return f"<bdi>{html.escape(one_line(words))}</bdi>"


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], strong: int = -1
) -> str:
    """A table that scrolls if it is too wide. Cells are HTML; the first of a row is its header.

    `strong` is the number of the row to emphasise, -1 for none.
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
    """The class of a column: text is aligned left, numbers right."""
    return "" if all(_NUMBER.match(cell) for cell in cells) else ' class="words"'


def figure(drawing: str, caption: str, look: str = "") -> str:
    """A drawing with its caption."""
    return f'<figure class="{look}">{drawing}<figcaption>{text(caption)}</figcaption></figure>\n'

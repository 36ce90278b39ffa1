"""Text that others wrote: models, items, names, paths. It is shown, and never interpreted.

Streamlit reads Markdown in most of what it shows, and Markdown can fetch an image from anywhere. So
whatever is not written in this folder goes through these functions, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import streamlit as st

from flywheel.visible import beginning


def answer(text: str) -> None:
    """What a model gave, letter by letter."""
    if text:
        st.code(beginning(text), language=None, wrap_lines=True)
    else:
        st.caption("an empty answer")


def plain(text: str) -> None:
    """A name, a reason or a path."""
    st.text(beginning(text, 2_000))


def fields(of: Mapping[str, str]) -> None:
    """The fields of an item, each under its name."""
    for name, text in of.items():
        plain(name)
        answer(text)


def trouble(story: str) -> None:
    """One sentence about what went wrong. It may hold what came from elsewhere."""
    with st.container(border=True, key="trouble"):
        st.markdown(":material/error: **This did not work**")
        plain(story)


def table(rows: Sequence[Mapping[str, object]]) -> None:
    """Rows under the names of the first one. Cells are text or numbers, never links or images."""
    names = list(rows[0]) if rows else []
    gaps = {name for name in names if any(row[name] is None for row in rows)}
    cells = [{name: _cell(row[name], as_text=name in gaps) for name in names} for row in rows]
    cast("Any", st).dataframe(cells, hide_index=True, width="stretch")


def _cell(value: object, *, as_text: bool) -> object:
    """A cell. Streamlit writes None where a number is missing, so such columns are text."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return beginning(value, 200)
    return (
        f"{value:.3f}" if as_text and isinstance(value, float) else str(value) if as_text else value
    )

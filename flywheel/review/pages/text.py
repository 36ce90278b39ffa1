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
    cells = [
        {
            name: beginning(cell, 200) if isinstance(cell, str) else cell
            for name, cell in row.items()
        }
        for row in rows
    ]
    cast("Any", st).dataframe(cells, hide_index=True, width="stretch")

"""Text that others wrote: models, items, names, paths. It is shown, and never interpreted.

Streamlit reads Markdown in most of what it shows, and Markdown can fetch an image from anywhere. So
whatever is not written in this folder goes through these functions, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import streamlit as st

from flywheel.visible import beginning

# A table of more than `_MANY` columns shows `_SHORT` characters of a text; one of up to `_WHOLE`
# rows does not scroll.
_MANY, _SHORT, _WHOLE = 5, 32, 30


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
    """Rows under the names of the first one. Cells are text or numbers, never links or images.

    Among many columns long texts lose their middle, so that they do not push the figures off the
    screen: grader names often differ in their last word only.
    """
    names = list(rows[0]) if rows else []
    most = _SHORT if len(names) > _MANY else 200
    gaps = {name for name in names if any(_is_gap(row[name]) for row in rows)}
    numbers = {name for name in gaps if not any(isinstance(row[name], str) for row in rows)}
    cast("Any", st).dataframe(
        [{name: _cell(row[name], most, as_text=name in gaps) for name in names} for row in rows],
        hide_index=True,
        width="stretch",
        height="content" if len(rows) <= _WHOLE else "auto",
        column_config={name: st.column_config.TextColumn(alignment="right") for name in numbers},
    )


def _is_gap(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cell(value: object, most: int, *, as_text: bool) -> object:
    """A cell. Streamlit writes None where a number is missing, so such columns are text."""
    if _is_gap(value):
        return "-"
    if isinstance(value, str):
        return _ends(beginning(value, 200), most)
    if not as_text:
        return value
    return str(round(value, 3)) if isinstance(value, float) else str(value)


def _ends(text: str, most: int) -> str:
    """The beginning and the end of a long text."""
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"

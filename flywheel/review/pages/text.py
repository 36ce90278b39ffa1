"""Untrusted text (answers, items, names, paths), shown and never interpreted.

Streamlit renders Markdown almost everywhere, and Markdown can load an image from any host. All text
that is not written in this folder must be shown by these functions.
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
    """A model's output, verbatim."""
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


def trouble(message: str) -> None:
    """An error message, which may contain untrusted text."""
    with st.container(border=True, key="trouble"):
        st.markdown(":material/error: **This did not work**")
        plain(message)


def table(rows: Sequence[Mapping[str, object]]) -> None:
    """A table; the columns are the keys of the first row. Cells are text or numbers.

    In a table with many columns long texts are truncated in the middle, so that numbers stay on
    the screen: grader names often differ only in their last word.
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
    """A cell. Streamlit shows None for a missing number, so such columns are text."""
    if _is_gap(value):
        return "-"
    if isinstance(value, str):
        return _truncated(beginning(value, 200), most)
    if not as_text:
        return value
    return str(round(value, 3)) if isinstance(value, float) else str(value)


def _truncated(text: str, most: int) -> str:
    """A long text without its middle."""
    head = most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"

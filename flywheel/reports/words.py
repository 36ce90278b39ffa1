"""Truncated answers, with invisible characters made visible."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.visible import visible

# The most characters of an answer that a report shows.
MOST_SHOWN = 2000


class Cut(NamedTuple):
    """The beginning of a text, and the number of characters left out."""

    shown: str
    left_out: int


def cut(text: str, most: int = MOST_SHOWN) -> Cut:
    """The first `most` characters, made visible."""
    return Cut(visible(text[:most]), max(0, len(text) - most))

"""Words from elsewhere, fit to be shown: nothing hidden in them, and not without end.

What a model wrote may hold terminal codes, marks that turn the direction of reading, lone
surrogates and a megabyte of anything. Here such characters become their escapes, so that what
comes out is valid UTF-8, HTML and XML 1.0, and shows what is there.
"""

from __future__ import annotations

from typing import NamedTuple

# Blanks and joiners that ordinary text needs: emoji, Persian and Indic scripts join with them.
_KEPT = frozenset("\n\t\u00a0\u200c\u200d\u3000")
# So much of an answer is shown, and of a name.
MOST_SHOWN = 2000
_MOST_NAME = 120


class Cut(NamedTuple):
    """The beginning of a text, and how many characters of it are not shown."""

    shown: str
    left_out: int


def visible(text: str) -> str:
    """The text, with what cannot be seen as its escape, such as `\\x1b`. Line breaks stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else repr(c)[1:-1] for c in text)


def cut(text: str, most: int = MOST_SHOWN) -> Cut:
    """The first so many characters, made visible."""
    return Cut(visible(text[:most]), max(0, len(text) - most))


def one_line(text: str, most: int = _MOST_NAME) -> str:
    """A name or an answer on one line: line breaks as escapes, `…` where it was cut."""
    begun = text[:most] if len(text) <= most else text[: most - 1] + "…"
    return visible(begun).replace("\n", "\\n").replace("\t", "\\t")

"""Word by word: which words of two answers stand in one of them only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

# A word with the blanks behind it; scripts that put no blanks between words go by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+\s*|[^\w\s]\s*|\s+")
# Beyond so many words that come often are not matched, or a diff of two answers takes seconds.
_MANY = 600


class Piece(NamedTuple):
    """Some words of an answer; `alone` when the other answer does not have them there."""

    text: str
    alone: bool


def diff(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, each whole when its pieces are joined."""
    a, b = _WORD.findall(before), _WORD.findall(after)
    left: list[Piece] = []
    right: list[Piece] = []
    matcher = SequenceMatcher(None, a, b, autojunk=max(len(a), len(b)) > _MANY)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        left += _piece(a[a1:a2], tag)
        right += _piece(b[b1:b2], tag)
    return left, right


def _piece(words: Sequence[str], tag: str) -> list[Piece]:
    return [Piece("".join(words), tag != "equal")] if words else []

"""A word diff of two answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

# A word with its trailing space; scripts without spaces are compared by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+\s*|[^\w\s]\s*|\s+")
# In longer texts frequent words are not matched; otherwise a diff takes seconds.
_MANY = 600


class Piece(NamedTuple):
    """Consecutive words of an answer; `alone` if the other answer lacks them there."""

    text: str
    alone: bool


def diff(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts as pieces; joined, they give the text back."""
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

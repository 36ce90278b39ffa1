"""Normalised text: what is left of two texts that a reader would call the same.

NFKC, case folded, invisible characters gone, words with one blank between them. Punctuation is
dropped, digits and symbols (currency, mathematics, emoji) stay. `-`, `*` and `/` stay beside a
number: "8 - 2" and "8 * 2" are not the same sum. A character of a script that is written without
blanks (Han, kana, Thai, Lao, Khmer, Burmese) is a word of its own.
"""

from __future__ import annotations

import re
import unicodedata

_OPERATOR = re.compile(r"[-*/](?:(?=\s?\d)|(?<=\d[-*/])|(?<=\d\s[-*/]))")
_SIGNS = {"-": "\u2212", "*": "\u00d7", "/": "\u00f7"}
_PIECE = re.compile(r"\S{1,500}|\s+")
_SAFE = 2000
# What is written without blanks between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


def normalise(text: str) -> str:
    """The words of a text, folded, with one blank between them. Empty when it has no word."""
    text = _OPERATOR.sub(lambda sign: _SIGNS[sign[0]], _fold(text))
    return " ".join(text.translate(_KEPT).split())


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    if len(text) <= _SAFE:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # Sorting a run of combining marks takes the square of its length: a long text goes in pieces.
    return "".join([_fold(piece) for piece in _PIECE.findall(text)])


class _Kept(dict[int, str | None]):
    """What stands for each character; found out when a character is first met."""

    def __missing__(self, code: int) -> str | None:
        self[code] = kept = _keep(chr(code))
        return kept


def _keep(char: str) -> str | None:
    kind = unicodedata.category(char)
    if kind == "Cf" or _INVISIBLE.match(char):
        return None
    if kind[0] == "S" or char == "%" or _UNSPACED.match(char):
        return f" {char} "
    return " " if kind[0] in "PZ" or kind == "Cc" else char


_KEPT = _Kept()

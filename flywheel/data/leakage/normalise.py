"""Text normalisation, so that texts which differ only in form become equal.

NFKC, case folding, no invisible characters, words separated by single spaces. Punctuation is
removed; digits and symbols (currency, mathematics, emoji) are kept. `-`, `*` and `/` next to a
number are kept: "8 - 2" and "8 * 2" are different. In scripts without spaces (Han, kana, Thai, Lao,
Khmer, Burmese) each character is a word.
"""

from __future__ import annotations

import re
import unicodedata

_OPERATOR = re.compile(r"[-*/](?:(?=\s?\d)|(?<=\d[-*/])|(?<=\d\s[-*/]))")
_SIGNS = {"-": "\u2212", "*": "\u00d7", "/": "\u00f7"}
_PIECE = re.compile(r"\S{1,500}|\s+")
_SAFE = 2000
# Scripts without spaces between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


def normalise(text: str) -> str:
    """The normalised words of a text, separated by spaces; empty if there are none."""
    text = _OPERATOR.sub(lambda sign: _SIGNS[sign[0]], _fold(text))
    return " ".join(text.translate(_KEPT).split())


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    if len(text) <= _SAFE:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # Sorting a run of combining marks is quadratic in its length, so a long text is split.
    return "".join([_fold(piece) for piece in _PIECE.findall(text)])


class _Kept(dict[int, str | None]):
    """A lazy translation table for `str.translate`."""

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

"""Makes untrusted text safe to show: control and invisible characters become escapes.

Text from models, endpoints, imports and files may contain terminal codes, bidirectional controls,
zero-width characters and lone surrogates. Each becomes its escape, as in
`\\x1b` or `\\u202e`, so that the result is valid UTF-8, HTML and XML 1.0. Line breaks and tabs
stay; joiners stay between two letters that are not ASCII, where Persian, Indic scripts and emoji
need them. Look-alike letters stay: this does not protect against a name in Cyrillic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import category

# The most characters of a name or an answer on one line.
_MOST_NAME = 120
# A browser lays this much out without a pause.
_MOST_PAGE = 50_000

_SUSPECT = re.compile(r"[^ -~\n\t]")
_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINERS = frozenset("\u200c\u200d")
# Invisible letters and marks. U+FE0E and U+FE0F are not among them: emoji end with these.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE0E), *range(0xE0000, 0xE1000)))
)


def visible(text: str) -> str:
    """The text with every control or invisible character as its escape."""
    return _replaced(text, _escape)


def json_visible(text: str) -> str:
    """The same JSON value, written with JSON's escapes in place of such characters."""
    return _replaced(text, _json_escape)


def one_line(text: str, most: int = _MOST_NAME) -> str:
    """A name or an answer on one line: line breaks as escapes, `…` where it was cut."""
    begun = text[:most] if len(text) <= most else text[: most - 1] + "…"
    return visible(begun).replace("\n", "\\n").replace("\t", "\\t")


def beginning(text: str, most: int = _MOST_PAGE) -> str:
    """The first `most` characters, made visible, and how many more there are."""
    cut = len(text) - most
    shown = visible(text[:most])
    return shown if cut <= 0 else f"{shown}\n… and {cut:,} more characters"


def _replaced(text: str, escape: Callable[[str], str]) -> str:
    def shown(match: re.Match[str]) -> str:
        character = match[0]
        if character in _JOINERS:
            start, end = match.span()
            between = text[start - 1 : start] > "\x7f" and text[end : end + 1] > "\x7f"
            return character if between else escape(character)
        return escape(character) if _is_unseen(character) else character

    return text if text.isascii() and text.isprintable() else _SUSPECT.sub(shown, text)


def _is_unseen(character: str) -> bool:
    number = ord(character)
    # XML excludes the last two characters of a plane, and HTML these others.
    no_character = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
    return no_character or category(character) in _CATEGORIES or character in _BLANK


def _escape(character: str) -> str:
    number = ord(character)
    if character == "\r":
        return "\\r"
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _json_escape(character: str) -> str:
    number = ord(character)
    if number <= 0xFFFF:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"

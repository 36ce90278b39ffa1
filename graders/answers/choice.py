"""The letter that a multiple-choice answer settles on: "the answer is (B)", "B.", "**B**", "b".

Statements are looked for in the order of their weight: \\boxed{B}, "the answer is B", "I choose B",
"B is right", a bold letter, "option B", a bracketed or line-leading letter, a letter at the end.
The first kind that the text holds decides. A letter that the text turns down ("not B", "can't be A
or B", "C is wrong") is no choice. A text that gives several letters has none, unless it calls the
last its final answer or takes the earlier ones back: a wrong reading is worse than no reading.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from graders.text.lazy_pattern import load_patterns

_PATTERNS = load_patterns(Path(__file__).with_suffix(".toml"))
_KINDS = [name for name in _PATTERNS if name.startswith("kinds.")]
_MOST = 100_000  # characters: an answer states its choice at its beginning or its end


class NoChoice(ValueError):
    """The text settles on no letter. The message says why."""


class _Statement(NamedTuple):
    letters: frozenset[str]
    tentative: bool
    final: bool


def choice_in(text: str) -> str:
    """The letter, as a capital. Raises NoChoice."""
    if len(text) > _MOST:
        text = f"{text[: _MOST // 2]}\n{text[-_MOST // 2 :]}"
    text = _PATTERNS["latex"].sub(
        r"\1", text if text.isascii() else unicodedata.normalize("NFKC", text)
    )
    if alone := _PATTERNS["alone"].match(text):
        return alone[1].upper()
    for name in _KINDS:
        if statements := list(_statements(name, text)):
            return _settled(statements)
    raise NoChoice("no choice letter")


def _settled(statements: list[_Statement]) -> str:
    """The one letter of these statements, after those that the text takes back."""
    firm = [s for s in statements if s.final] or [s for s in statements if not s.tentative]
    letters = sorted(frozenset[str]().union(*(s.letters for s in firm or statements)))
    if len(letters) > 1:
        raise NoChoice(f"several choice letters ({', '.join(letters)})")
    return letters[0]


def _statements(kind: str, text: str) -> Iterator[_Statement]:
    stated = 0
    for match in _PATTERNS[kind].finditer(text):
        start, end = match.span("letters")
        before = text[max(0, start - 120) : start]
        if _PATTERNS["turned_down"].search(before) or _PATTERNS["is_wrong"].match(text, end):
            continue
        ahead = text[max(0, match.start() - 100) : match.start()]
        if _PATTERNS["not_meant"].search(ahead) or _PATTERNS["only_named"].search(ahead):
            continue
        letters = set(_PATTERNS["single"].findall(match["letters"]))
        letters |= _more(text, end, letters) if kind == "kinds.answer" else _taken_back(text, end)
        if kind == "kinds.leading" and (inline := _PATTERNS["inline"].match(text, end)):
            letters.add(inline[1])
        yield _Statement(
            frozenset(letter.upper() for letter in letters),
            bool(_PATTERNS["tentative"].search(before)),
            bool(
                _PATTERNS["final"].search(before)
                or (stated and _PATTERNS["revises"].search(text, stated, start))
            ),
        )
        stated = end


def _taken_back(text: str, end: int) -> set[str]:
    """The letter that a statement goes on to prefer: "B. No wait, C"."""
    other = _PATTERNS["or_rather"].match(text, end)
    return {other[1]} if other else set()


def _more(text: str, end: int, letters: set[str]) -> set[str]:
    """Letters that the same statement goes on to give: a list of options is no choice."""
    more: set[str] = set()
    for listing in ("listed", "next", "or_rather", "with_remarks", "also"):
        if (listed := _PATTERNS[listing].match(text, end)) and listed[1] not in letters:
            more.add(listed[1])
    sentence = _PATTERNS["sentence"].match(text, end)
    stop = sentence.end() if sentence else end
    for other in _PATTERNS["bracketed"].finditer(text, end, stop):
        turned_down = _PATTERNS["turned_down"].search(text[end : other.start()])
        if not turned_down and not _PATTERNS["is_wrong"].match(text, other.end()):
            more.add(other[1])
    return more

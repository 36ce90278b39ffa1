"""Thoughts: which part of a reasoning model's reply is its answer.

Models mark their reasoning in several ways: `<think>`, `<thinking>`, `<reasoning>` and the like,
`[THINK]`, `◁think▷`, and channels (`<|channel|>analysis`, `<|channel|>final`). The answer is what
follows the last closing mark or the final channel. A thought that is never closed, or text that
goes on behind an end-of-turn token, leaves no answer.

A mark inside a string of a complete JSON object is quoted text and marks nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from graders.models.json_objects import objects_in
from graders.text.lazy_pattern import load_patterns

_PATTERNS = load_patterns(Path(__file__).with_suffix(".toml"))


class Spoken(NamedTuple):
    """A reply without its thoughts.

    `answer` is None when a thought is not closed. `earlier` is text outside of thoughts that other
    thoughts follow. `before_close` is text in front of a closing mark that nothing opened: a
    thought that the chat template opened, or an answer that quotes the mark.
    """

    answer: str | None
    earlier: tuple[str, ...] = ()
    before_close: str = ""


def spoken(text: str) -> Spoken:
    """Split a reply into its answer and what stood before it."""
    text = _PATTERNS["plain_channels"].sub(
        lambda m: "</think>" if m[0].endswith("assistantfinal") else "<think>", text
    )
    earlier: list[str] = []
    before_close = ""
    start, thinking, closed = 0, "", False
    for mark in _marks(text):
        family = _family(mark[0])
        if thinking and family != thinking:
            continue  # a thought about another model's marks
        if not thinking:
            passed = text[start : mark.start()]
            if mark.lastgroup == "close" and not closed:
                before_close = passed
            else:
                earlier.append(passed)
        thinking = family if mark.lastgroup == "open" else ""
        closed = closed or not thinking
        start = mark.end()
    answer = None if thinking else _turn(text[start:])
    return Spoken(answer, tuple(filter(str.strip, earlier)), before_close)


def _family(mark: str) -> str:
    """Which marks belong together: a thought ends by a mark of the kind that opened it."""
    mark = mark.replace("/", "").casefold()
    if "channel" in mark:
        return "channel"
    return mark[0] if mark[1] != "|" else mark[:2]


def _marks(text: str) -> list[re.Match[str]]:
    """The marks that are not inside a JSON object."""
    marks = list(_PATTERNS["mark"].finditer(text))
    if not marks:
        return marks
    objects = [(found.start, found.end) for found in objects_in(text)]
    outside: list[re.Match[str]] = []
    at = 0
    for mark in marks:
        while at < len(objects) and objects[at][1] <= mark.start():
            at += 1
        if at == len(objects) or mark.start() < objects[at][0]:
            outside.append(mark)
    return outside


def _turn(text: str) -> str | None:
    """The text without end-of-turn tokens; None when more text follows one."""
    said, *rest = _PATTERNS["end_of_turn"].split(text)
    if any(part.strip() for part in rest):
        quoted = any(
            _PATTERNS["end_of_turn"].search(text, o.start, o.end) for o in objects_in(text)
        )
        return text.strip() if quoted else None
    return said.strip()

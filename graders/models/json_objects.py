"""The JSON objects that a text holds, one after the other, in time linear in its length.

An object inside an object is part of it. `clean` is False for an object that may be quoted inside
broken JSON: a brace before it is still open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from graders.text.strict_json import TooDeep, parse_json_at, repeats_a_key

_MOST_FAILURES = 1000


class Found(NamedTuple):
    """One object and its place. `repeats` is whether it names one of its own keys twice."""

    value: dict[str, Any]
    start: int
    end: int
    clean: bool
    repeats: bool


def objects_in(text: str) -> Iterator[Found]:
    """Every outermost JSON object in the text, in order."""
    at, end, open_braces, failures = text.find("{"), 0, 0, 0
    while at >= 0 and failures < _MOST_FAILURES:
        open_braces = max(0, open_braces - text.count("}", end, at))
        try:
            value, end = parse_json_at(text, at)
        except TooDeep:
            return  # and so is all that follows
        except ValueError as error:
            failures += 1
            # What was read before the fault is part of the broken object, not one of its own.
            end = max(at + 1, error.pos) if isinstance(error, json.JSONDecodeError) else at + 1
            open_braces = max(0, open_braces + text.count("{", at, end) - text.count("}", at, end))
        else:
            yield Found(value, at, end, not open_braces, repeats_a_key(value))
        at = text.find("{", end)

"""The JSON objects that a text holds, one after the other, in time linear in its length.

An object inside an object is part of it. After text that began like JSON and was none, `clean` is
False for what follows: a quotation that was not escaped looks just like an object of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from graders.strict_json import parse_json_at

_MOST_FAILURES = 1000


class Found(NamedTuple):
    """One object, where the text goes on behind it, and whether all before it was readable."""

    value: dict[str, Any]
    end: int
    clean: bool


def objects_in(text: str) -> Iterator[Found]:
    """Every outermost JSON object in the text, in order."""
    at, failures = text.find("{"), 0
    while at >= 0 and failures < _MOST_FAILURES:
        try:
            value, end = parse_json_at(text, at)
        except json.JSONDecodeError as error:
            failures += 1
            # What was read before the fault is part of the broken object, not one of its own.
            end = max(at + 1, error.pos)
        except ValueError:
            return  # nested beyond reading, and so is all that follows
        else:
            yield Found(value, end, clean=not failures)
        at = text.find("{", end)

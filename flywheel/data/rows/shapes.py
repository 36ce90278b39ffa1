"""Validation of a row's values; BadShape names the location in the row.

Tables have no lists or objects, so such a field may contain JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from flywheel.places import Loc
from graders.text.strict_json import parse_json

MOST_DEPTH = 200
_SHOWN = 80


class BadShape(Exception):
    """The value at `loc` is invalid."""

    def __init__(self, loc: Loc, story: str) -> None:
        super().__init__(story)
        self.loc, self.story = loc, story

    def __str__(self) -> str:
        """The path and the error: `messages[2].role: wanted ...`."""
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.loc)
        return f"{path.removeprefix('.')}: {self.story}" if path else self.story


def fields_at(fields: Mapping[str, Any], key: str, loc: Loc) -> Any:
    """The value of a key. Raises BadShape if it is missing or null."""
    value = fields.get(key)
    if value is None:
        raise BadShape((*loc, key), "this field is missing")
    return value


def as_text(value: Any, loc: Loc) -> str:
    """A string; a number, as in a table, is converted."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadShape(loc, f"wanted text, got {shorten(value)}")


def as_list(value: Any, loc: Loc) -> list[Any]:
    """A list, or JSON text of a list."""
    value = _unpacked(value, "[")
    if isinstance(value, list | tuple):
        return list(cast("list[Any]", value))
    raise BadShape(loc, f"wanted a list, got {shorten(value)}")


def as_object(value: Any, loc: Loc) -> dict[str, Any]:
    """An object, or JSON text of one, without its null fields."""
    value = _unpacked(value, "{")
    if not isinstance(value, dict):
        raise BadShape(loc, f"wanted an object, got {shorten(value)}")
    fields = cast("dict[Any, Any]", value)
    return {str(key): inner for key, inner in fields.items() if inner is not None}


_LABELS = {"true": True, "1": True, "good": True, "false": False, "0": False, "bad": False}


def as_label(value: Any, loc: Loc) -> bool:
    """True or false, also as 1 and 0 or as the words of a table."""
    label = _LABELS.get(str(value).strip().lower())
    if label is None or isinstance(value, float):
        raise BadShape(loc, f"wanted true or false, got {shorten(value)}")
    return label


def parse_value(text: str | bytes) -> Any:
    """Parse JSON with at most 200 levels of nesting, so that it can be written again.

    Raises ValueError.
    """
    value = parse_json(text)
    brackets = (
        text.count(b"[") + text.count(b"{")
        if isinstance(text, bytes)
        else text.count("[") + text.count("{")
    )
    if brackets > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise ValueError(f"nested more than {MOST_DEPTH} levels deep")
    return value


def shorten(value: Any) -> str:
    """A value for an error message, truncated."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _unpacked(value: Any, opening: str) -> Any:
    """Text parsed as JSON if it starts with `opening`; otherwise the value unchanged."""
    if isinstance(value, str) and value.lstrip().startswith(opening):
        try:
            return parse_value(value)
        except ValueError:
            return value
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(cast("dict[str, Any]", one).values())
            elif isinstance(one, list):
                inner.extend(cast("list[Any]", one))
        level = inner
    return depth

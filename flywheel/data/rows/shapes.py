"""Values of a row as they have to be, or a BadShape that says where in the row they are not.

Tables have no lists and no objects, so a field that should be one may hold it as JSON text.
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
    """The value at `loc` is not what the format wants."""

    def __init__(self, loc: Loc, story: str) -> None:
        super().__init__(story)
        self.loc, self.story = loc, story

    def __str__(self) -> str:
        """The path and what is wrong there: `messages[2].role: wanted ...`."""
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.loc)
        return f"{path.removeprefix('.')}: {self.story}" if path else self.story


def fields_at(fields: Mapping[str, Any], key: str, loc: Loc) -> Any:
    """The value under a key. Raises BadShape when it is missing or null."""
    value = fields.get(key)
    if value is None:
        raise BadShape((*loc, key), "this field is missing")
    return value


def as_text(value: Any, loc: Loc) -> str:
    """A text. A number of a table counts as its text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadShape(loc, f"wanted text, got {shorten(value)}")


def as_list(value: Any, loc: Loc) -> list[Any]:
    """A list, or the list that a text holds as JSON."""
    value = _unpacked(value, "[")
    if isinstance(value, list | tuple):
        return list(cast("list[Any]", value))
    raise BadShape(loc, f"wanted a list, got {shorten(value)}")


def as_object(value: Any, loc: Loc) -> dict[str, Any]:
    """An object without its null fields, or the one that a text holds as JSON."""
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
    """Parse JSON that is nested at most 200 deep, so that it can be written again. ValueError."""
    value = parse_json(text)
    brackets = (
        text.count(b"[") + text.count(b"{")
        if isinstance(text, bytes)
        else text.count("[") + text.count("{")
    )
    if brackets > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise ValueError(f"it is nested too deeply to read, more than {MOST_DEPTH} levels")
    return value


def shorten(value: Any) -> str:
    """A value as an error shows it."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _unpacked(value: Any, opening: str) -> Any:
    """The value that a text holds as JSON; the text itself when it is something else."""
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

"""JSON as the standard has it: no NaN, no Infinity, and a refusal instead of a crash.

Python's own parser takes NaN and Infinity, and answers a thousand nested brackets with a
RecursionError. Answers of models and rows of users come through here, so both are refused in one
way: a ValueError that says what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn


class TooDeep(ValueError):
    """The JSON is nested too deeply to read."""

    def __init__(self) -> None:
        super().__init__("it is nested too deeply to read")


def parse_json(text: str | bytes) -> Any:
    """Parse one JSON value. Raises ValueError for everything that is not JSON."""
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError:
        raise TooDeep from None


def parse_json_at(text: str, start: int) -> tuple[Any, int]:
    """Parse the JSON value that begins at `start`; return it with the index behind it.

    An object that names a key twice keeps the last value, and `repeats_a_key` says so.
    """
    try:
        return _MARKING_DECODER.raw_decode(text, start)
    except RecursionError:
        raise TooDeep from None


def repeats_a_key(value: Any) -> bool:
    """Whether an object that `parse_json_at` read names one of its own keys twice."""
    return isinstance(value, _Repeating)


def dump_json(value: Any) -> str:
    """Write a value as one line of JSON. Raises ValueError for NaN and infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; write null or a finite number")


class _Repeating(dict[str, Any]):
    """An object that names a key twice."""


def _mark_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _Repeating(value)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_MARKING_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, object_pairs_hook=_mark_repeats
)

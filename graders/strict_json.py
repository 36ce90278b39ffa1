"""JSON as the standard has it: no NaN, no Infinity, and a refusal instead of a crash.

Python's own parser takes NaN and Infinity, and answers a thousand nested brackets with a
RecursionError. Answers of models and rows of users come through here, so both are refused in one
way: a ValueError that says what is wrong.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(text: str | bytes) -> Any:
    """Parse one JSON value. Raises ValueError for everything that is not JSON."""
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply to read") from None


def parse_json_at(text: str, start: int) -> tuple[Any, int]:
    """Parse the JSON value that begins at `start`; return it with the index behind it."""
    try:
        return _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError("it is nested too deeply to read") from None


def dump_json(value: Any) -> str:
    """Write a value as one line of JSON. Raises ValueError for NaN and infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; write null or a finite number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)

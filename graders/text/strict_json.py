"""JSON as the standard has it: no NaN, no Infinity, no key twice, and a refusal instead of a crash.

Python's own parser takes NaN and Infinity, and answers a thousand nested brackets with a
RecursionError. Answers of models and rows of users come through here, so both are refused in one
way: a ValueError that says what is wrong. Of a key that is given twice Python keeps the last value
without a word, and another reader the first, so that is refused too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn


class TooDeep(ValueError):
    """The JSON is nested too deeply to read."""

    def __init__(self) -> None:
        super().__init__("it is nested too deeply to read")


class RepeatedKey(json.JSONDecodeError):
    """An object names a key twice. The place is that of the second one."""


def parse_json(text: str | bytes, *, nan_is_null: bool = False) -> Any:
    """Parse one JSON value. Raises ValueError for everything that is not JSON.

    It is a JSONDecodeError, which knows the place, for a fault of syntax and a key given twice.
    `nan_is_null` reads NaN and Infinity as null, for programs that write them for a missing number.
    """
    text = text if isinstance(text, str) else text.decode("utf-8")
    try:
        return (_NAN_DECODER if nan_is_null else _DECODER).decode(text)
    except RecursionError:
        raise TooDeep from None
    except _KeyTwice:
        raise RepeatedKey(*_first_repeat(text)) from None


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


class _KeyTwice(Exception):
    """Some object names a key twice."""


def _refuse_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _KeyTwice
    return value


def _first_repeat(text: str) -> tuple[str, str, int]:
    """What is wrong, the text, and the place of the first key that its object had already."""
    keys: list[set[str] | None] = []  # of each open object; None for an open list
    before = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            keys.append(set() if token == "{" else None)
        elif token in "}]":
            keys.pop()
        elif token[0] == '"' and keys and (named := keys[-1]) is not None and before in "{,":
            key = json.loads(token)
            if key in named:
                return f"the key {key!r:.80} is given twice", text, match.start()
            named.add(key)
        before = token
    return "a key is given twice", text, 0


_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeats)
_NAN_DECODER = json.JSONDecoder(parse_constant=lambda name: None, object_pairs_hook=_refuse_repeats)
_MARKING_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, object_pairs_hook=_mark_repeats
)

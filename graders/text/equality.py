"""Equality of JSON values, as people mean it: `{"a": 1, "b": 2}` is `{"b": 2.0, "a": 1}`.

The order of keys and the spelling of numbers do not matter; `true` is not 1, and "1" is no number.
Numbers are compared exactly. Lists are in order unless that is waived. An object that names a key
twice is refused, since readers do not agree what it says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, cast

_FENCED = re.compile(r"\s*```(?:json)?[ \t]*\r?\n(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)


def canonical_json(text: str, *, ignore_order: bool, fold: Callable[[str], str]) -> str:
    """One spelling for all texts of equal JSON values. `fold` is applied to strings, not to keys.

    A code block around the whole text is taken off. Raises ValueError for what is not JSON.
    """
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        value = _DECODER.decode(text.strip())
        return _spell(value, ignore_order, fold)
    except RecursionError:
        raise ValueError("it is nested too deeply to read") from None
    except InvalidOperation:
        raise ValueError("it holds a number out of range") from None


def _spell(value: Any, ignore_order: bool, fold: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return json.dumps(fold(value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        pairs = (
            f"{json.dumps(key)}:{_spell(fields[key], ignore_order, fold)}" for key in sorted(fields)
        )
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        elements = [_spell(each, ignore_order, fold) for each in cast("list[Any]", value)]
        return f"[{','.join(sorted(elements) if ignore_order else elements)}]"
    return _spell_number(value)


def _spell_number(number: Decimal) -> str:
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    shortest = text.rstrip("0")
    if not shortest:
        return "0"
    return f"{'-' if sign else ''}{shortest}e{int(exponent) + len(text) - len(shortest)}"


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names the key {twice!r} twice")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse, object_pairs_hook=_once
)

"""Gold answers taken apart: what in them is right or wrong by itself, and how to get it wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from graders.text.strict_json import dump_json, parse_json

Path = tuple[str | int, ...]
Leaves = Mapping[Path, Any]
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def read_json(text: str) -> Any:
    """The JSON object or list that a text is, None for another text."""
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return cast("Any", value) if isinstance(value, dict | list) else None


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """The values of a JSON value that hold no others, by their paths."""
    if isinstance(value, dict):
        steps = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list):
        steps = list(enumerate(cast("list[Any]", value)))
    else:
        return {path: value}
    return {
        place: leaf for step, inner in steps for place, leaf in leaves(inner, (*path, step)).items()
    }


def anywhere(path: Path) -> tuple[str, ...]:
    """A path without positions in lists: a label is the same wherever in its list it stands."""
    return tuple(step if isinstance(step, str) else "[]" for step in path)


def changed(value: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """The same JSON value with every leaf changed."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: changed(inner, change, (*path, name)) for name, inner in fields.items()}
    if isinstance(value, list):
        rows = cast("list[Any]", value)
        return [changed(inner, change, (*path, at)) for at, inner in enumerate(rows)]
    return change(path, value)


def parts(text: str) -> frozenset[str]:
    """What in an answer is right or wrong by itself: leaves of JSON, or numbers, or the text."""
    value = read_json(text)
    if value is not None:
        found = leaves(value).items()
        return frozenset(f"{anywhere(path)}={dump_json(leaf)}" for path, leaf in found)
    found = [str(float(number)) for number in _NUMBER.findall(text)]
    return frozenset(found or [" ".join(text.casefold().split())])


def apart(one: str, other: str) -> bool:
    """Whether two answers have nothing in common that could make both right."""
    return not parts(one) & parts(other)


def renumbered(text: str) -> str:
    """The text with every number replaced by one that is far from it."""

    def far(match: re.Match[str]) -> str:
        whole, dot, decimals = match[0].partition(".")
        return f"{int(whole) * 3 + 7}{dot}{decimals}"

    return _NUMBER.sub(far, text)


def mutated(value: Any) -> Any:
    """Another value of the same kind."""
    if value is None:
        return "none of these"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 3 + 7
    return renumbered(value) if _NUMBER.search(str(value)) else f"not {value}"

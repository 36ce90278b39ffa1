"""Whether a text has the shape of a JSON schema.

Known: type, enum, const, properties, required, additionalProperties, items, prefixItems, anyOf,
oneOf, allOf, minimum, maximum and their exclusive forms, multipleOf, minLength, maxLength, pattern,
minItems, maxItems, and $ref within the schema. Other words are not looked at, so a text that fits
here may still break one of those. It checks the models' answers, not the users' schemas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from graders.strict_json import parse_json

_DEEPEST = 100
_SHOWN = 60


def violation(text: str, schema: Mapping[str, Any]) -> str | None:
    """Where and how the text breaks the schema first, None when it fits."""
    try:
        value = parse_json(text)
    except ValueError as error:
        return f"not JSON: {error}"
    try:
        return next(_faults(value, schema, "$", _Root(schema)), None)
    except RecursionError:
        return "it is nested too deeply to check"


class _Root:
    """The whole schema, for references, and how deep they have led."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self.depth = 0

    def find(self, reference: str) -> Any:
        node: Any = self.schema
        for step in reference.removeprefix("#").split("/")[1:]:
            node = node.get(step.replace("~1", "/").replace("~0", "~"), {})
        return node


def _faults(value: Any, schema: Any, at: str, root: _Root) -> Iterator[str]:
    if schema is False:
        yield f"{at}: nothing is allowed here"
    if not isinstance(schema, Mapping):
        return
    rules = cast("Mapping[str, Any]", schema)
    if isinstance(reference := rules.get("$ref"), str) and reference.startswith("#"):
        root.depth += 1
        if root.depth > _DEEPEST:
            raise RecursionError
        yield from _faults(value, root.find(reference), at, root)
        root.depth -= 1
    yield from _plain(value, rules, at)
    yield from _combined(value, rules, at, root)
    if isinstance(value, dict):
        yield from _in_object(cast("dict[str, Any]", value), rules, at, root)
    elif isinstance(value, list):
        yield from _in_list(cast("list[Any]", value), rules, at, root)


def _plain(value: Any, rules: Mapping[str, Any], at: str) -> Iterator[str]:
    wanted = rules.get("type")
    if wanted is not None:
        names = cast("list[str]", [wanted] if isinstance(wanted, str) else wanted)
        if not any(_is(value, name) for name in names):
            yield f"{at}: wanted {' or '.join(names)}, got {_show(value)}"
            return
    if "enum" in rules and not any(_same(value, one) for one in rules["enum"]):
        yield f"{at}: wanted one of {_show(rules['enum'])}, got {_show(value)}"
    if "const" in rules and not _same(value, rules["const"]):
        yield f"{at}: wanted {_show(rules['const'])}, got {_show(value)}"
    for word, (kind, broken) in _LIMITS.items():
        if word in rules and _is(value, kind) and broken(value, rules[word]):
            yield f"{at}: {word} is {_show(rules[word])}, got {_show(value)}"


def _combined(value: Any, rules: Mapping[str, Any], at: str, root: _Root) -> Iterator[str]:
    for part in rules.get("allOf", ()):
        yield from _faults(value, part, at, root)
    for word in ("anyOf", "oneOf"):
        if word not in rules:
            continue
        fits = sum(next(_faults(value, part, at, root), None) is None for part in rules[word])
        if fits == 0 or (word == "oneOf" and fits > 1):
            yield f"{at}: fits {fits} of {len(rules[word])} in {word}, got {_show(value)}"


def _in_object(
    value: Mapping[str, Any], rules: Mapping[str, Any], at: str, root: _Root
) -> Iterator[str]:
    known: Mapping[str, Any] = rules.get("properties", {})
    for name in rules.get("required", ()):
        if name not in value:
            yield f"{at}: {name!r} is missing"
    others = rules.get("additionalProperties", True)
    for name, inner in value.items():
        if name in known:
            yield from _faults(inner, known[name], f"{at}.{name}", root)
        elif others is False:
            yield f"{at}: {name!r} is not allowed"
        else:
            yield from _faults(inner, others, f"{at}.{name}", root)


def _in_list(value: list[Any], rules: Mapping[str, Any], at: str, root: _Root) -> Iterator[str]:
    first: list[Any] = rules.get("prefixItems", [])
    for index, inner in enumerate(value):
        rule = first[index] if index < len(first) else rules.get("items", True)
        yield from _faults(inner, rule, f"{at}[{index}]", root)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    kind = _TYPES.get(name)
    return kind is not None and isinstance(value, kind)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, though Python says so."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _no_match(value: str, pattern: str) -> bool:
    try:
        return re.search(pattern, value) is None
    except re.error:
        return False


_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "object": dict,
    "array": list,
    "null": type(None),
}
_LIMITS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("number", lambda value, limit: value < limit),
    "maximum": ("number", lambda value, limit: value > limit),
    "exclusiveMinimum": ("number", lambda value, limit: value <= limit),
    "exclusiveMaximum": ("number", lambda value, limit: value >= limit),
    "multipleOf": ("number", lambda value, step: bool(step) and value % step != 0),
    "minLength": ("string", lambda value, limit: len(value) < limit),
    "maxLength": ("string", lambda value, limit: len(value) > limit),
    "pattern": ("string", _no_match),
    "minItems": ("array", lambda value, limit: len(value) < limit),
    "maxItems": ("array", lambda value, limit: len(value) > limit),
}

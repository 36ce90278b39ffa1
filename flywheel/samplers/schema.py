"""A JSON schema (draft 2020-12), compiled once: jsonschema, where a schema may be hostile.

Patterns, which run in the `regex` module, and references are under a deadline, since either can
take longer than the world lasts. Numbers are compared as decimals. Nothing is fetched: a `$ref`
leads into the schema itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

from flywheel.errors import BadOption

SECONDS = 1.0
_MOST_COMPILED = 64
_MOST_PATTERN = 2_000
_SHOWN = 60
# By identity: a schema is looked up at each answer, and its text would cost more than the check.
_compiled: dict[int, tuple[Mapping[str, Any], Any]] = {}
_call = threading.local()
Word = Callable[[Any, Any, Any, Any], Iterator[Any]]


class BadSchema(BadOption):
    """A schema that means nothing; `path` is where in it."""

    def __init__(self, path: tuple[str | int, ...], story: str) -> None:
        super().__init__(story)
        self.path = path


class Unchecked(Exception):
    """It cannot be told whether a value fits: the check takes too long, or nests too deeply."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise BadSchema for the first thing in a schema that means nothing."""
    compiled(schema)


def first_fault(value: Any, schema: Mapping[str, Any]) -> Any | None:
    """jsonschema's first error, None when the value fits. Raises Unchecked, and BadSchema."""
    validator = compiled(schema)
    _call.deadline = time.monotonic() + SECONDS
    try:
        return next(validator.iter_errors(value), None)
    except TimeoutError:
        raise Unchecked(f"the schema takes longer than {SECONDS:g} s") from None
    except RecursionError:
        raise Unchecked("it is nested too deeply to check") from None


def compiled(schema: Mapping[str, Any]) -> Any:
    """The validator of a schema, made at the first call. Raises BadSchema."""
    known = _compiled.get(id(schema))
    if known is not None and known[0] is schema:
        return known[1]
    validator = _compile(schema)
    while len(_compiled) >= _MOST_COMPILED:
        _compiled.pop(next(iter(_compiled)), None)
    _compiled[id(schema)] = (schema, validator)
    return validator


def show(value: Any) -> str:
    """A value in a message, cut."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _compile(schema: Mapping[str, Any]) -> Any:
    from jsonschema import Draft202012Validator, FormatChecker, validators
    from jsonschema.exceptions import SchemaError
    from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

    kind = cast("Any", Draft202012Validator)
    try:
        # Patterns are checked below, by the module that runs them.
        kind.check_schema(schema, format_checker=FormatChecker(formats=()))
        _check_parts(DRAFT202012.create_resource(dict(schema)), EMPTY_REGISTRY)
    except SchemaError as error:
        wanted = cast("Any", error)
        raise BadSchema(tuple(wanted.path), f"no JSON schema: {wanted.message:.200}") from None
    except RecursionError:
        raise BadSchema((), "no JSON schema: it is nested too deeply") from None
    own = {
        "$ref": _timed(kind.VALIDATORS["$ref"]),
        "$dynamicRef": _timed(kind.VALIDATORS["$dynamicRef"]),
        "enum": _enum,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "multipleOf": _multiple_of,
        "uniqueItems": _unique_items,
    }
    made = cast("Any", validators).extend(kind, own)
    # A registry of its own, or jsonschema would fetch what a $ref names.
    return made(schema, registry=EMPTY_REGISTRY)


def _check_parts(root: Any, registry: Any) -> None:
    """Raise BadSchema for a pattern that is none and a `$ref` that leads nowhere."""
    from referencing.exceptions import Unresolvable

    todo = [(root, registry.resolver_with_root(root))]
    while todo:
        part, resolver = todo.pop()
        if not isinstance(part.contents, dict):
            continue
        fields = cast("dict[str, Any]", part.contents)
        for pattern in _patterns(fields):
            _check_pattern(root.contents, fields, pattern)
        if "unevaluatedProperties" in fields and "patternProperties" in fields:
            story = "patternProperties beside unevaluatedProperties cannot be checked; use"
            path = _find(root.contents, fields)
            raise BadSchema((*path, "unevaluatedProperties"), f"{story} additionalProperties")
        for word in ("$ref", "$dynamicRef"):
            if word in fields:
                try:
                    resolver.lookup(fields[word])
                except (Unresolvable, ValueError, TypeError):
                    path = (*_find(root.contents, fields), word)
                    raise BadSchema(
                        path, f"{show(fields[word])} leads nowhere in this schema; none is fetched"
                    ) from None
        todo += [(sub, resolver.in_subresource(sub)) for sub in part.subresources()]


def _patterns(fields: Mapping[str, Any]) -> list[str]:
    found = [fields["pattern"]] if "pattern" in fields else []
    return [*found, *fields.get("patternProperties", {})]


def _check_pattern(schema: Any, fields: Any, pattern: str) -> None:
    import regex

    word = "pattern" if pattern == fields.get("pattern") else "patternProperties"
    try:
        if len(pattern) > _MOST_PATTERN:
            raise ValueError(f"it has {len(pattern)} characters, and {_MOST_PATTERN} are the most")
        regex.compile(pattern)
    except (cast("Any", regex).error, ValueError, OverflowError) as error:
        path = (*_find(schema, fields), word)
        raise BadSchema(path, f"the pattern {show(pattern)} cannot be read: {error}") from None


def _find(schema: Any, part: Any) -> tuple[str | int, ...]:
    """Where in a schema a part of it stands."""
    todo: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while todo:
        path, node = todo.pop()
        if node is part:
            return path
        if isinstance(node, dict):
            todo += [((*path, k), v) for k, v in cast("dict[str, Any]", node).items()]
        elif isinstance(node, list):
            todo += [((*path, i), v) for i, v in enumerate(cast("list[Any]", node))]
    return ()


def _timed(word: Word) -> Word:
    """A word that leads elsewhere in the schema, under the deadline.

    Each of them may name a part with two more: thirty such parts are checked 2**30 times.
    """

    def check(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        _seconds_left()
        return word(validator, wanted, value, schema)

    return check


def _seconds_left() -> float:
    left: float = _call.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _fits(pattern: str, text: str) -> bool:
    return _matcher(pattern).search(text, timeout=_seconds_left()) is not None


@lru_cache(_MOST_COMPILED)
def _matcher(pattern: str) -> Any:
    """The pattern, compiled. The cache of `regex` itself costs as much as a short search."""
    import regex

    return regex.compile(pattern)


def _error(story: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(story)


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "string") and not _fits(pattern, value):
        yield _error(f"pattern is {show(pattern)}, got {show(value)}")


def _pattern_properties(validator: Any, rules: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    for pattern, rule in rules.items():
        for name, inner in value.items():
            if _fits(pattern, name):
                yield from validator.descend(inner, rule, path=name, schema_path=pattern)


def _additional_properties(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, inner in value.items():
        if name in known or any(_fits(pattern, name) for pattern in patterns):
            continue
        if rule is False:
            yield _error(f"{show(name)} is not allowed")
        else:
            yield from validator.descend(inner, rule, path=name)


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "number") and (_exact(value) / _exact(step)).denominator != 1:
        yield _error(f"multipleOf is {show(step)}, got {show(value)}")


def _exact(number: Any) -> Fraction:
    """The number as it is written: 19.99 is 1999/100."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _enum(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    fits = value in wanted if isinstance(value, str) else _key(value) in map(_key, wanted)
    if not fits:
        yield _error(show(value))


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not wanted or not validator.is_type(value, "array"):
        return
    seen: set[Any] = set()
    for one in value:
        key = _key(one)
        if key in seen:
            yield _error(f"uniqueItems: {show(one)} is there twice")
            return
        seen.add(key)


def _key(value: Any) -> Any:
    """Equal for what JSON calls equal: 1 is 1.0, and neither is true."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return ("object", frozenset((name, _key(inner)) for name, inner in fields.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_key, cast("list[Any]", value))))
    return (isinstance(value, bool), value)

"""The fields of a type, for the message about an unknown one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

Schema = Mapping[str, Any]


def unknown_field(adapter: TypeAdapter[Any], loc: Sequence[str | int]) -> str:
    """The message for the unknown field at this pydantic path."""
    fields = known_fields(adapter, loc[:-1])
    if not fields:
        return "no such field; remove it"
    near = get_close_matches(str(loc[-1]), fields, 1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"no such field{hint} fields: {', '.join(fields)}"


def known_fields(adapter: TypeAdapter[Any], loc: Sequence[str | int]) -> list[str]:
    """The field names of the model at this path; empty if they are ambiguous.

    The path is pydantic's: it includes the names of union members.
    """
    try:
        schema = adapter.json_schema()
    except PydanticUserError:
        return []
    return next((found for found in _at(schema, schema, tuple(loc)) if found), list[str]())


def _at(schema: Schema, root: Schema, loc: tuple[str | int, ...]) -> Iterator[list[str]]:
    """The fields of each model that this path may lead to."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.rsplit("/", 1)[-1]
        yield from _at(root.get("$defs", {}).get(name, {}), root, loc)
        return
    properties = cast("dict[str, Schema]", schema.get("properties", {}))
    if not loc:
        yield list(properties)
    else:
        step, rest = loc[0], loc[1:]
        inner = properties.get(str(step), schema.get("additionalProperties"))
        if isinstance(step, int):
            inner = schema.get("items")
        if isinstance(inner, Mapping):
            yield from _at(cast("Schema", inner), root, rest)
    for key in ("oneOf", "anyOf", "allOf"):
        for member in cast("list[Schema]", schema.get(key, ())):
            named = loc and (_is_named(member, str(loc[0]), schema) or _is_tag(member, loc))
            yield from _at(member, root, loc[1:] if named else loc)


def _is_named(member: Schema, step: str, union: Schema) -> bool:
    """Whether this step of the path names a member of the union, by its tag or its class."""
    reference = str(member.get("$ref", ""))
    tags = union.get("discriminator", {}).get("mapping", {})
    return bool(reference) and (reference == tags.get(step) or reference.endswith(f"/{step}"))


def _is_tag(member: Schema, loc: tuple[str | int, ...]) -> bool:
    """Whether the path begins with the tag of a list, which no schema mentions, and an index."""
    return member.get("type") == "array" and isinstance(loc[0], str) and len(loc) > 1

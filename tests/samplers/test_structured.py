"""structured: where a text breaks a schema."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel.samplers.structured import violation

CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/list"}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"list": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 2}},
}


@pytest.mark.parametrize(
    ("text", "schema", "story"),
    [
        ('{"a": 1, "b": ["x"]}', CLOSED, None),
        ('{"a": 1.0}', CLOSED, None),
        ('{"a": true}', CLOSED, "$.a: wanted integer, got True"),
        ('{"b": []}', CLOSED, "$: 'a' is missing"),
        ('{"a": 1, "c": 2}', CLOSED, "$: 'c' is not allowed"),
        ('{"a": 1, "b": ["z"]}', CLOSED, "$.b[0]: wanted one of ['x', 'y'], got 'z'"),
        ('{"a": 1, "b": ["x", "x", "x"]}', CLOSED, "$.b: maxItems is 2, got ['x', 'x', 'x']"),
        ("[]", CLOSED, "$: wanted object, got []"),
        ("```json\n{}\n```", CLOSED, "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("NaN", {}, "not JSON: NaN is not JSON; write null or a finite number"),
        ("null", {"type": ["string", "null"]}, None),
        ("1", {"const": True}, "$: wanted True, got 1"),
        ("1", {"anyOf": [{"type": "string"}, {"minimum": 2}]}, "$: fits 0 of 2 in anyOf, got 1"),
        ("3", {"oneOf": [{"minimum": 1}, {"minimum": 2}]}, "$: fits 2 of 2 in oneOf, got 3"),
        ("3", {"allOf": [{"minimum": 1}, {"maximum": 2}]}, "$: maximum is 2, got 3"),
        ("3", {"exclusiveMaximum": 3}, "$: exclusiveMaximum is 3, got 3"),
        ("3", {"multipleOf": 2}, "$: multipleOf is 2, got 3"),
        ('"abc"', {"pattern": "^b"}, "$: pattern is '^b', got 'abc'"),
        ('"abc"', {"pattern": "("}, None),
        ('"abc"', {"minLength": 4}, "$: minLength is 4, got 'abc'"),
        ('[1, "a"]', {"prefixItems": [{}, {"type": "number"}]}, "$[1]: wanted number, got 'a'"),
        ('{"x": 1}', {"additionalProperties": {"type": "null"}}, "$.x: wanted null, got 1"),
        ('{"x": 1}', {"properties": {"x": False}}, "$.x: nothing is allowed here"),
        ("1", {"$ref": "#"}, "it is nested too deeply to check"),
        ("1", {"$ref": "#/no/such"}, None),
    ],
)
def test_the_first_fault_is_told_with_its_place(text: str, schema: Any, story: str | None) -> None:
    assert violation(text, schema) == story

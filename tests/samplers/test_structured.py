"""structured: where a text breaks a schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.samplers.sampler import Output
from flywheel.samplers.schema import BadSchema, Unchecked, check_schema
from flywheel.samplers.structured import checked, violation
from tests.evals.world import write_evalset

CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/list"}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"list": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 2}},
}

SECOND: dict[str, Any] = {
    "anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
    "$defs": {
        "a": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
        "b": {"properties": {"kind": {"const": "b"}, "n": {"type": "integer"}}},
    },
}
TWO = "$: fits more than one of 2 in oneOf, got 3"
WORDS = r"^(\w+\s?)*$"
SLOW = f"$: pattern is {WORDS!r}, got '{'a' * 59}…"
B_NOT = "$: 'b' is not allowed"
TWICE = "$: uniqueItems: {'a': [2.0]} is there twice"


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
        (
            "3",
            {"oneOf": [{"minimum": 1}, {"minimum": 2}]},
            "$: fits more than one of 2 in oneOf, got 3",
        ),
        ("3", {"allOf": [{"minimum": 1}, {"maximum": 2}]}, "$: maximum is 2, got 3"),
        ("3", {"exclusiveMaximum": 3}, "$: exclusiveMaximum is 3, got 3"),
        ("3", {"multipleOf": 2}, "$: multipleOf is 2, got 3"),
        ('"abc"', {"pattern": "^b"}, "$: pattern is '^b', got 'abc'"),
        (json.dumps("a" * 60 + "!"), {"pattern": WORDS}, SLOW),
        ('"é"', {"pattern": r"^\p{L}$"}, None),
        ("19.99", {"multipleOf": 0.01}, None),
        ("19.995", {"multipleOf": 0.01}, "$: multipleOf is 0.01, got 19.995"),
        ("1e300", {"multipleOf": 0.1}, None),
        ('{"ab": 1}', {"patternProperties": {"^a": False}}, "$: nothing is allowed here, got 1"),
        ('{"b": 1}', {"patternProperties": {"^a": {}}, "additionalProperties": False}, B_NOT),
        ('{"a": 1}', {"patternProperties": {"^a": {}}, "additionalProperties": False}, None),
        ('[1, {"a": [2]}, {"a": [2.0]}]', {"uniqueItems": True}, TWICE),
        ("[1, true, 0, false]", {"uniqueItems": True}, None),
        ('{"a": 1}', {"dependentRequired": {"a": ["b"]}}, "$: 'b' is a dependency of 'a'"),
        ('{"kind": "b", "n": 1}', SECOND, None),
        ('{"kind": "b", "n": "1"}', SECOND, "$: fits 0 of 2 in anyOf, got {'kind': 'b', 'n': '1'}"),
        ('"abc"', {"minLength": 4}, "$: minLength is 4, got 'abc'"),
        ('[1, "a"]', {"prefixItems": [{}, {"type": "number"}]}, "$[1]: wanted number, got 'a'"),
        ('{"x": 1}', {"additionalProperties": {"type": "null"}}, "$.x: wanted null, got 1"),
        ('{"x": 1}', {"properties": {"x": False}}, "$: nothing is allowed here, got 1"),
    ],
)
def test_the_first_fault_is_told_with_its_place(text: str, schema: Any, story: str | None) -> None:
    assert violation(text, schema) == story


# Each part names the next one twice, so the last is checked 2**40 times.
DOUBLING = {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)}


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a|aa)+$"},
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
        {"$ref": "#/$defs/0", "$defs": {**DOUBLING, "40": {}}},
    ],
)
def test_what_cannot_be_checked_is_no_violation(schema: Any) -> None:
    text = json.dumps("a" * 60 + "!")
    with pytest.raises(Unchecked):
        violation(text, schema)
    output = checked(Output(text), schema)
    assert output.violation is None
    assert output.unchecked


def test_a_slow_name_is_no_violation() -> None:
    text = json.dumps({"a" * 60 + "!": 1})
    schema: dict[str, Any] = {"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False}
    with pytest.raises(Unchecked, match="the schema takes longer"):
        violation(text, schema)


MALFORMED: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"type": "strin"}, ("type",), "'strin' is not valid"),
    ({"properties": {"a": {"minimum": "1"}}}, ("properties", "a", "minimum"), "'1' is not"),
    ({"required": "a"}, ("required",), "'a' is not of type 'array'"),
    ({"items": [{}]}, ("items",), "is not of type"),
    ({"items": {"pattern": "("}}, ("items", "pattern"), "the pattern '(' cannot be read"),
    ({"patternProperties": {"[": {}}}, ("patternProperties",), "cannot be read"),
    ({"anyOf": [{}, {"$ref": "#/no"}]}, ("anyOf", 1, "$ref"), "leads nowhere"),
    ({"$ref": "https://evil.example/s.json"}, ("$ref",), "leads nowhere"),
    ({"$ref": "file:///etc/passwd"}, ("$ref",), "leads nowhere"),
    ({"multipleOf": 0}, ("multipleOf",), "0 is less than or equal"),
    ({"pattern": "a" * 3000}, ("pattern",), "2000 are the most"),
]


@pytest.mark.parametrize(("schema", "path", "story"), MALFORMED)
def test_a_schema_that_means_nothing_is_refused_with_its_place(
    schema: Any, path: tuple[Any, ...], story: str
) -> None:
    with pytest.raises(BadSchema) as refused:
        check_schema(schema)
    assert refused.value.path == path
    assert story in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_malformed_schema_of_an_evalset_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", response_schema={"properties": {"a": {"type": "no"}}})
    with pytest.raises(BadFile) as refused:
        load_evalset(str(folder))
    lines = (folder / "evalset.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "type: 'no'" in text)
    assert f"evalset.yaml:{line}:" in str(refused.value)
    assert "response_schema.properties.a.type: no JSON schema: 'no'" in str(refused.value)

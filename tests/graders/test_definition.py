"""Definitions: what the wire allows is read, what it does not is refused with its place."""

from __future__ import annotations

import pickle
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from graders.combine.multi import MultiGrader
from graders.definition import grader_types, read_grader, wire_json
from graders.sample import Sample
from graders.ungraded import Ungraded

CHECK: dict[str, Any] = {"type": "string_check", "operation": "eq", "reference": "x"}
ECHOED: dict[str, Any] = {
    "type": "message",
    "id": "m",
    "status": None,
    "role": "user",
    "content": {"type": "output_text", "text": "?", "annotations": []},
}
JUDGE: dict[str, Any] = {
    "type": "score_model",
    "model": "m",
    "input": [{"role": "user", "content": "?"}],
}


def multi(graders: Any, formula: str = "a", **fields: Any) -> dict[str, Any]:
    return {"type": "multi", "graders": graders, "calculate_output": formula, **fields}


@pytest.mark.parametrize(
    "definition",
    [
        CHECK,  # no name
        {**CHECK, "pass_threshold": 0.5},  # stray
        {**CHECK, "input": "{{sample.output_text}}", "name": "n"},
        {"type": "python", "source": "def grade(s, i): return 1.0", "image_tag": "2025-05-08"},
        {**JUDGE, "range": [-1, 1], "pass_threshold": 0},
        {**CHECK, "id": "same-f1c79982", "pass_threshold": None},  # as an eval echoes it
        {**JUDGE, "range": None, "pass_threshold": None, "sampling_params": None},
        {**JUDGE, "input": [ECHOED]},
        {**JUDGE, "sampling_params": {"max_completion_tokens": 9, "max_completions_tokens": 9}},
        {
            **JUDGE,
            "type": "label_model",
            "labels": ["a"],
            "passing_labels": ["a"],
            "pass_threshold": 0.5,
            "sampling_params": None,
        },
        multi({"a": CHECK}),
        multi([{**CHECK, "name": "a"}, {**CHECK, "name": "b"}], "a+b"),
        multi({**CHECK, "name": "a"}),  # a single grader, as the schema types it
        multi({"a": {**CHECK, "pass_threshold": 0.9}}, pass_threshold=0.9),
        multi({"a": CHECK}, invalid_grade=0.0),
        {**JUDGE, "sampling_params": {"max_tokens": 1024}},
        {**CHECK, "reference": ["x", "{{ item.y }}"]},
    ],
)
def test_the_wire_is_read(definition: dict[str, Any]) -> None:
    grader = read_grader(definition)
    assert read_grader(wire_json(grader)) == grader


def test_a_grader_can_be_pickled_after_it_has_graded() -> None:
    for definition in ({**CHECK, "extract": "number"}, multi({"a": CHECK})):
        grader = read_grader(definition)
        with suppress(Ungraded):
            grader.grade(Sample({}, "x"))
        assert pickle.loads(pickle.dumps(grader)) == grader


def test_a_missing_name_is_the_type() -> None:
    assert read_grader(CHECK).name == "string_check"
    assert wire_json(read_grader(CHECK)) == {**CHECK, "name": "string_check"}


def test_an_array_of_graders_is_read_by_name() -> None:
    grader = read_grader(multi([{**CHECK, "name": "a"}]))
    assert isinstance(grader, MultiGrader)
    assert list(grader.graders) == ["a"]


@pytest.mark.parametrize(
    ("definition", "loc", "story"),
    [
        ({"type": "strng_check"}, (), "does not match any of the expected tags: 'string_check'"),
        ({}, (), "Unable to extract tag using discriminator 'type'"),
        (["row"], (), "valid dictionary"),
        ({"type": "string_check", "operation": "eq"}, ("reference",), "Field required"),
        ({**CHECK, "operation": "equals"}, ("operation",), "'eq', 'ne', 'like', 'ilike',"),
        ({**CHECK, "colour": 1}, ("colour",), "not permitted"),
        ({**CHECK, "reference": "{{ x }}"}, ("reference",), "must start with 'item' or 'sample'"),
        ({**CHECK, "operation": "like", "tolerance": 1}, (), "goes with eq or ne"),
        ({**CHECK, "tolerance": float("nan")}, ("tolerance", "absolute"), "finite number"),
        ({**CHECK, "extract": {"type": "regex", "pattern": "("}}, None, "not a regular expression"),
        ({**CHECK, "extract": {"type": "json", "field": "a b"}}, None, "not a field path"),
        ({**CHECK, "extract": "letter"}, ("extract",), "expected tags: 'number', 'choice'"),
        ({**JUDGE, "range": [1, 0]}, (), "range runs from low to high, got [1, 0]"),
        ({**JUDGE, "pass_threshold": 2}, (), "pass_threshold 2 lies outside range [0, 1]"),
        ({**JUDGE, "input": []}, ("input",), "at least 1 item"),
        (
            {**JUDGE, "type": "label_model", "labels": ["a"], "passing_labels": ["b"]},
            (),
            "passing_labels ['b'] are not among the labels ['a']",
        ),
        ({"type": "python", "source": "x" * (256 * 1024)}, ("source",), "fewer than 262,144"),
        (
            multi({"m": multi({"a": CHECK})}),
            ("graders", "m"),
            "'multi' found using 'type' does not",
        ),
        (multi({"a": CHECK}, "(a"), (), "column 3: the end came"),
        (multi({"a": CHECK}, "b"), (), "unknown name 'b'"),
        (multi({}), ("graders",), "at least 1 item"),
        (multi({"a-b": CHECK}, "1"), (), "the formula cannot name 'a-b'"),
        (multi([CHECK]), ("graders",), "needs a name of its own on each, got None"),
        (multi([{**CHECK, "name": "a"}] * 2), ("graders",), "needs a name of its own"),
        (multi(["a"]), ("graders",), "needs a name of its own"),
    ],
)
def test_what_is_no_grader_is_refused(definition: Any, loc: Any, story: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_grader(definition)
    fault = refused.value.errors()[0]
    assert story in fault["msg"]
    assert loc is None or fault["loc"][1:] == loc or fault["loc"] == loc


def test_a_grader_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_grader(CHECK).name = "other"


def test_every_type_of_the_wire_is_there() -> None:
    wire = {"string_check", "text_similarity", "score_model", "label_model", "python", "multi"}
    assert wire | {"evaluate", "math", "reward_model"} == set(grader_types())

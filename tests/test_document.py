"""Definitions in files: every fault has its line and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from flywheel.document import load_document
from flywheel.errors import BadFile
from flywheel.evals.evalset.evalset import EvalsetDefinition, load_evalset
from flywheel.evals.evalset.grader_files import load_grader

JSON = """{
  "type": "multi",
  "graders": {
    "a": {"type": "string_check", "reference": "x", "operation": "equals"},
\t"b": {"type": "strng_check"}
  },
  "calculate_output": "a + b",
  "colour": 1
}"""
EVALSET: dict[str, Any] = {
    "prompt": [{"role": "user", "content": "x"}],
    "gold": "x",
    "primary": "s",
    "graders": [{"type": "string_check", "name": "s", "operation": "eq", "reference": "x"}],
}
YAML = """type: score_model
model: m
range: [1, 0]
input:
  - role: robot
    content: "{{ item.x"
"""


def faults(path: Path, text: str | bytes) -> list[str]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadFile) as refused:
        load_grader(path)
    return [line.removeprefix(str(path)) for line in str(refused.value).splitlines()]


def test_every_fault_of_a_json_file_has_its_place(tmp_path: Path) -> None:
    assert faults(tmp_path / "g.json", JSON) == [
        ":4:53: graders.a.operation: Input should be 'eq', 'ne', 'like', 'ilike', 'starts_with',"
        " 'regex' or 'json', got 'equals'",
        ":5:8: graders.b.type: Input tag 'strng_check' found using 'type' does not match any of the"
        " expected tags: 'string_check', 'text_similarity', 'score_model', 'label_model', 'python',"
        " 'math', 'evaluate', 'reward_model'",
        ":8:3: colour: no such field; fields: name, type, graders,"
        " calculate_output, pass_threshold, invalid_grade",
    ]


def test_every_fault_of_a_yaml_file_has_its_place(tmp_path: Path) -> None:
    assert faults(tmp_path / "g.yaml", YAML) == [
        ":5:5: input.0.role: Input should be 'user', 'assistant', 'system' or 'developer', got"
        " 'robot'",
        ":6:5: input.0.content: line 1: '{{' is never closed; write {{ item.name }}",
    ]


@pytest.mark.parametrize(
    ("name", "text", "story"),
    [
        ("g.json", '{"a": 1 2}', ":1:9: not JSON: "),
        ("g.json", '{"a": NaN}', ":1:7: not JSON: NaN is not JSON"),
        ("g.json", '{"a":\n -Infinity}', ":2:2: not JSON: -Infinity is not JSON"),
        ("g.json", '{"a": ' + "9" * 401 + "}", ":1:7: the number 9999"),
        ("g.json", '{"a": -' + "9" * 5000 + "}", ":1:7: the number -999"),
        ("g.json", '{"a": 1e999}', ":1:7: the number 1e999 is too large"),
        ("g.json", '{"a": "\\ud800"}', ":1:7: half of a surrogate pair"),
        ("g.json", '{"\\udfff": 1}', ":1:2: half of a surrogate pair"),
        ("g.json", '{"a": "\0"}', ":1:8: not JSON: Invalid control character"),
        ("g.json", "", ":1:1: not JSON: Expecting value"),
        ("g.json", '{"type": "python", "type": "multi"}', ":1:20: the key 'type' is given twice"),
        ("g.json", "[" * 100_000, "nested too deeply"),
        ("g.json", '{"a":' * 400 + "1" + "}" * 400, ":1:1: type: this field is missing"),
        ("g.json", b'{"a":\n "\xff"}', ":2:3: byte 0xff is not UTF-8"),
        ("g.json", "[1]", ":1:1: Input should be a valid dictionary"),
        ("g.yaml", "a: [1", ":1:6: not YAML: "),
        ("g.yaml", "a: 1\nb: 2\na: 3", ":3:1: the key 'a' is given twice"),
        (
            "g.yaml",
            "a: !!python/object/apply:os.system [ls]",
            ":1:4: the tag '!!python/object/apply:os.system' is not supported",
        ),
        ("g.yaml", "", ":1:1: Input should be a valid dictionary"),
        ("g.yaml", "[" * 5_000, "nested too deeply"),
        ("g.txt", "{}", ":1:1: type: this field is missing"),
        ("g.yaml", "name: !!int abc", ":1:7: not YAML: 'abc' is no int"),
        ("g.yaml", "name: !!int ''", ":1:7: not YAML: '' is no int"),
        ("g.yaml", "name: !!float x", ":1:7: not YAML: 'x' is no float"),
        ("g.yaml", "name: !!bool foo", ":1:7: not YAML: 'foo' is no bool"),
        ("g.yaml", "name: !!timestamp x", ":1:7: the tag '!!timestamp' is not supported"),
        ("g.yaml", "name: !!binary x", ":1:7: the tag '!!binary' is not supported"),
        ("g.yaml", "!!set {a, b}", ":1:1: the tag '!!set' is not supported"),
        ("g.yaml", "a: !mine b", ":1:4: the tag '!mine' is not supported"),
        ("g.yaml", "a: &a [*a]", ":1:4: an alias stands for the value that it is part of"),
        ("g.yaml", "a: &a {b: *a}", ":1:4: an alias stands for the value that it is part of"),
        ("g.yaml", "a: *b", ":1:4: not YAML: found undefined alias"),
        ("g.yaml", "? [a]\n: 1", ":1:3: a key is one word"),
        ("g.yaml", "a:\n  b: \0", ":2:6: not YAML: special characters"),
        ("g.yaml", "a:\n\tb: 1", ":2:1: not YAML: found character"),
        ("g.yaml", 'a: "\\UFFFFFFFF"', ":1:7: not YAML: "),
        ("g.yaml", 'a: "\\ud800"', ":1:4: half of a surrogate pair"),
        ("g.yaml", "<<: 1", ":1:5: << takes a mapping"),
        ("g.yaml", "a: 1\n--- b", ":2:1: not YAML: but found another document"),
        ("g.yaml", "n: " + "9" * 5000, ":1:4: the number 9999"),
        ("g.yaml", "n: " + "9" * 401, ":1:4: the number 9999"),
        ("g.yaml", "n: 1e999", ":1:4: the number 1e999 is too large"),
    ],
)
def test_a_file_that_is_no_definition_is_refused(
    tmp_path: Path, name: str, text: str | bytes, story: str
) -> None:
    assert story in "\n".join(faults(tmp_path / name, text))


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    rows = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    text = "a0: &a0 [x]\n" + "\n".join(rows)
    assert "stand for too many values" in faults(tmp_path / "g.yaml", text)[0]


def test_yaml_reads_yes_no_times_and_dates_as_text(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("labels: [yes, no, 12:30, 0x1]\nday: 2026-01-01\nn: [true, -1, 1.5e3]\n")
    value = load_document(path).value
    assert value == {
        "labels": ["yes", "no", "12:30", "0x1"],
        "day": "2026-01-01",
        "n": [True, -1, 1500.0],
    }


def test_keys_are_text_and_merges_keep_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("\ufeffa: &a {x: 1, y: [1, 2]}\nb:\n  <<: *a\n  x: 3\n1: yes\ntrue: ~\n")
    document = load_document(path)
    shared = {"x": 1, "y": [1, 2]}
    assert document.value == {"a": shared, "b": {**shared, "x": 3}, "1": "yes", "true": None}
    assert document.places[("b", "x")] == (4, 3)
    assert document.places[("b", "y", 1)] == (1, 21)


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("refrence: x", "refrence: no such field; did you mean reference? fields: name, input,"),
        (
            "graders: {a: {type: python, sorce: x}}",
            "did you mean source? fields: name, type",
        ),
        ("input: [{role: user, contnt: x}]", "did you mean content? fields: type, role, content"),
    ],
)
def test_an_unknown_field_lists_the_known_ones(tmp_path: Path, text: str, story: str) -> None:
    kind = "multi" if "graders" in text else "label_model" if "input" in text else "string_check"
    assert story in "\n".join(faults(tmp_path / "g.yaml", f"type: {kind}\n{text}"))


def test_an_unknown_field_of_a_prompt_lists_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "evalset.yaml"
    path.write_text(json.dumps({**EVALSET, "prompt": [{"role": "user", "contnt": "x"}]}))
    with pytest.raises(BadFile, match=r"did you mean content\? fields: role, content"):
        load_evalset(str(tmp_path))


def test_a_guard_margin_is_a_finite_number() -> None:
    with pytest.raises(ValidationError, match="finite number"):
        EvalsetDefinition.model_validate({**EVALSET, "guards": {"s": "inf"}})


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        load_grader(tmp_path / "none.json")

"""Definitions in files: every fault has its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel.document import load_document
from flywheel.errors import BadFile
from flywheel.evals.definitions import load_grader

JSON = """{
  "type": "multi",
  "graders": {
    "a": {"type": "string_check", "reference": "x", "operation": "equals"},
\t"b": {"type": "strng_check"}
  },
  "calculate_output": "a + b",
  "colour": 1
}"""
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
        ":4:53: graders.a.operation: Input should be 'eq', 'ne', 'like' or 'ilike', got 'equals'",
        ":5:8: graders.b.type: Input tag 'strng_check' found using 'type' does not match any of the"
        " expected tags: 'string_check', 'text_similarity', 'score_model', 'label_model', 'python',"
        " 'evaluate', 'reward_model'",
        ":8:3: colour: no such field here; remove it, or look for a typing error",
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
        ("g.json", '{"a": 1,}', ":1:9: not JSON: "),
        ("g.json", '{"a": NaN}', ":1:1: not JSON: NaN is not JSON"),
        ("g.json", '{"type": "python", "type": "multi"}', ":1:20: the key 'type' is given twice"),
        ("g.json", "[" * 100_000, "nested too deeply"),
        ("g.json", '{"a":' * 400 + "1" + "}" * 400, ":1:1: type: this field is missing"),
        ("g.json", b'{"a":\n "\xff"}', ":2:3: byte 0xff is not UTF-8"),
        ("g.json", "[1]", ":1:1: Input should be a valid dictionary"),
        ("g.yaml", "a: [1", ":1:6: not YAML: "),
        ("g.yaml", "a: 1\nb: 2\na: 3", ":3:1: the key 'a' is given twice"),
        ("g.yaml", "a: !!python/object/apply:os.system [ls]", "not YAML: could not determine"),
        ("g.yaml", "", ":1:1: Input should be a valid dictionary"),
        ("g.yaml", "[" * 5_000, "nested too deeply"),
        ("g.txt", "{}", ":1:1: type: this field is missing"),
        ("g.yaml", "name: !!int abc", "not YAML: invalid literal"),
        ("g.yaml", "name: !!bool foo", "not YAML: 'foo'"),
        ("g.yaml", "n: " + "9" * 5000, "not YAML: Exceeds the limit"),
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


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        load_grader(tmp_path / "none.json")

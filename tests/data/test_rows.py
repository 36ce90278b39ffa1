"""Rows: one object a line, and a place for every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel.data.rows.rows import read_rows, sample_of_row
from flywheel.errors import BadFile


def read(path: Path, data: bytes) -> list[tuple[int, dict[str, Any]]]:
    path.write_bytes(data)
    return list(read_rows(path))


def test_empty_lines_are_passed_over(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\n   \n{"a": 2}'
    assert read(tmp_path / "r", data) == [(1, {"a": 1}), (4, {"a": 2})]


@pytest.mark.parametrize(
    ("data", "story"),
    [
        (b"{}\n[1]\n", ":2:1: a row is a JSON object, got [1]"),
        (b"{}\n{'a': 1}\n", ":2:2: not JSON: "),
        (b'{"a": "\xc3\x28"}', ":1:8: byte 0xc3 is not UTF-8"),
        (b'{"a": NaN}', ":1:1: not JSON: NaN is not JSON"),
        (b'{"a": Infinity}', ":1:1: not JSON: Infinity is not JSON"),
        (b'{"a":' * 100_000, ":1:1: not JSON: it is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", ":1:1: not JSON: Exceeds the limit"),
    ],
)
def test_a_line_that_is_no_row_is_refused(tmp_path: Path, data: bytes, story: str) -> None:
    with pytest.raises(BadFile) as refused:
        read(tmp_path / "r", data)
    assert story in str(refused.value)


def test_a_row_holds_an_item_and_a_sample() -> None:
    assert sample_of_row({"item": {"x": 1}, "sample": "yes"}).output_text == "yes"
    tools = [{"function": {"name": "f", "arguments": "{}"}}]
    sample = sample_of_row(
        {"item": {}, "sample": {"output_text": "t", "output_tools": tools, "model": None}}
    )
    assert (sample.output_text, sample.output_tools) == ("t", tools)


def test_a_saved_completion_gives_its_text() -> None:
    choices = [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]
    assert sample_of_row({"sample": {"choices": choices}}).output_text == "hi"


@pytest.mark.parametrize(
    ("row", "story"),
    [
        ({"item": {}}, "got the keys item"),
        ({"item": {}, "samples": "x"}, "got the keys item, samples"),
        ({"item": [], "sample": "x"}, "`item` is a JSON object, got []"),
        ({"item": {}, "sample": None}, "`sample` is text or a JSON object, got null"),
        ({"item": {}, "sample": {"output_text": 3}}, "`output_text` is text, got 3"),
        ({"item": {}, "sample": {}}, "neither output_text nor choices"),
        ({"item": {}, "sample": {"choices": [1]}}, "neither output_text nor choices"),
    ],
)
def test_a_row_of_another_shape_is_refused(row: dict[str, Any], story: str) -> None:
    with pytest.raises(ValueError, match=r"row is|`") as refused:
        sample_of_row(row)
    assert story in str(refused.value)


def test_a_saved_completion_gives_its_tool_calls() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    choices = [{"message": {"role": "assistant", "content": None, "tool_calls": calls}}]
    sample = sample_of_row({"sample": {"choices": choices}})
    assert (sample.output_text, sample.output_tools) == ("", calls)

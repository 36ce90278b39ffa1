"""A key that is given twice is refused wherever JSON is read, with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.data.rows.sources import read_raw
from flywheel.data.rows.training_row import BadRow
from flywheel.document import load_document
from flywheel.errors import BadFile
from flywheel.evals.evalset.items import Items
from flywheel.samplers.replay import load_replay
from flywheel.samplers.scripted import load_script
from graders.sample import Sample
from graders.text.strict_json import parse_json


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ('{"a": 1, "a": 2}', "a", 9),
        ('{"a": {"b": 1, "b": 2}}', "b", 15),
        ('[{"a": 1}, {"a": 1, "c": "a", "a": 1}]', "a", 30),
        (r'{"a": "\"a\":", "\u0061": 2}', "a", 16),
        ('{"a": ["a", "a"], "a": 2}', "a", 18),
        ('{"": 1, "": 2}', "", 8),
        ('{"a": "{", "b": "a", "b": 1}', "b", 21),
    ],
)
def test_a_repeated_key_is_refused_with_its_place(text: str, key: str, place: int) -> None:
    with pytest.raises(json.JSONDecodeError, match=f"the key {key!r} is given twice") as caught:
        parse_json(text)
    assert caught.value.pos == place


@pytest.mark.parametrize(
    "text", ['{"a": {"a": 1}}', '[{"a": 1}, {"a": 1}]', '{"a": "a", "b": "a"}', '{"a": ["a", "a"]}']
)
def test_a_key_of_another_object_is_another_key(text: str) -> None:
    assert parse_json(text) == json.loads(text)


def items(path: Path) -> Any:
    return list(Items(path))


def array(path: Path) -> Any:
    return list(read_raw(path))


def rows(path: Path) -> Any:
    (row,) = read_raw(path)
    raise BadFile(f"{row.where}: {row.story}" if isinstance(row, BadRow) else "no fault")


@pytest.mark.parametrize(
    ("name", "read", "before"),
    [
        ("items.jsonl", items, ""),
        ("rows.jsonl", rows, ""),
        ("rows.json", array, "["),
        ("script.jsonl", load_script, ""),
        ("replay.jsonl", load_replay, ""),
        ("manifest.json", load_document, ""),
    ],
)
def test_files_that_repeat_a_key_are_refused(
    tmp_path: Path, name: str, read: Callable[[Path], Any], before: str
) -> None:
    path = tmp_path / name
    path.write_text(before + '{"text": "yes", "text": "no"}' + ("]" if before else "\n"))
    with pytest.raises(BadFile) as caught:
        read(path)
    column = 17 + len(before)
    assert f"{name}:1:{column}" in str(caught.value)
    assert "the key 'text' is given twice" in str(caught.value)


def test_an_answer_that_repeats_a_key_is_no_json() -> None:
    with pytest.raises(ValueError, match="given twice"):
        parse_json(Sample({}, '{"label": "spam", "label": "ham"}').output_text)

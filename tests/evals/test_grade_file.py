"""Grading a file: nothing before every row was read, one line a row, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile
from flywheel.evals.grading.grade_file import grade_file, open_job
from flywheel.evals.results.summary import Summary
from graders.definition import read_grader
from tests.engines.opened import engine_of

CHECK: dict[str, Any] = {
    "type": "string_check",
    "name": "same",
    "operation": "eq",
    "reference": "{{ item.gold }}",
}


def write(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(rows: Path, definition: Any = CHECK, workers: int = 1) -> tuple[Summary, list[Any]]:
    out = rows.with_suffix(".out")
    with engine_of(workers=2) as engine:
        advanced: list[int] = []
        grader = read_grader(definition)
        job = open_job(rows, out, workers)
        summary = grade_file(grader, job, engine, advanced.append)
    verdicts = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert sum(advanced) == summary.n == len(verdicts)
    return summary, verdicts


def test_one_verdict_a_row(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"item": {"gold": "a"}, "sample": "a"},
        {"item": {"gold": "a"}, "sample": "b"},
        {"item": {}, "sample": "a"},
    ]
    summary, verdicts = run(write(tmp_path / "rows.jsonl", rows))
    assert summary.as_json() == {
        "n": 3,
        "graded": 2,
        "ungraded": 1,
        "mean": 0.5,
        "passed": 1,
        "unparsed": 0,
        "errors": {"invalid_variable_error": 1},
    }
    assert verdicts[0] == {
        "grader": "same",
        "score": 1.0,
        "passed": True,
        "parsed": True,
        "reason": "'a' eq 'a' is True",
    }
    assert verdicts[2]["score"] is None
    assert verdicts[2]["error"]["kind"] == "invalid_variable_error"


def test_processes_keep_the_order_and_agree_with_one(tmp_path: Path) -> None:
    rows = [{"item": {"gold": str(i % 7)}, "sample": str(i % 5)} for i in range(5_000)]
    path = write(tmp_path / "rows.jsonl", rows)
    assert run(path, workers=2) == run(path, workers=1)


def test_python_graders_take_a_file_too(tmp_path: Path) -> None:
    rows = [{"item": {"n": i}, "sample": "x" * i} for i in range(600)]
    source = "def grade(sample, item):\n    return float(len(sample['output_text']) == item['n'])"
    summary, _ = run(write(tmp_path / "rows.jsonl", rows), {"type": "python", "source": source})
    assert (summary.mean, summary.graded) == (1.0, 600)


def test_a_broken_row_at_the_end_stops_before_anything_is_graded(tmp_path: Path) -> None:
    good: Any = {"item": {}, "sample": "x"}
    path = write(tmp_path / "rows.jsonl", [good, good, good, ["row"]])
    with pytest.raises(BadFile, match=r"rows\.jsonl:4:1: a row is a JSON object"):
        run(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no rows in it"):
        run(write(tmp_path / "rows.jsonl", []))


def test_a_lone_surrogate_in_an_answer_is_written_as_json(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"item": {"gold": "x"}, "sample": "\\ud83d"}\n')
    _, (verdict,) = run(path)
    assert "\\ud83d" in verdict["reason"] or "\ud83d" in verdict["reason"]


def test_an_answer_of_100_mb_is_graded(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"item": {"gold": "x"}, "sample": "x" * 100_000_000}])
    summary, (verdict,) = run(path)
    assert summary.mean == 0.0
    assert len(verdict["reason"]) < 2000

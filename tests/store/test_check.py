"""A check follows every row to what it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel.store.errors import OlderStore, StoreFailed
from flywheel.store.migrations import STEPS
from flywheel.store.rows.digest import digest
from flywheel.store.store import connect, open_store
from flywheel.store.upkeep.check import check_store
from tests.store.rows import baseline, event, run, sample, score, ungraded, whole

WHOLE = whole("r")


def test_a_whole_store_has_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("a", WHOLE)
        store.write("b", {"runs": [run("again", kind="regrade", parent="r")]})
        store.write("c", {"scores": [score("again", 0)], "baselines": [baseline("r")]})
        # Asked again after a failure, and graded after an outage.
        store.write("d", {"samples": [sample("r", 0, error="x")], "scores": [ungraded("r", 0)]})
    report = check_store(path)
    assert report.findings == []
    assert (report.rows["samples"], report.rows["scores"], report.rows["batches"]) == (5, 6, 4)


@pytest.mark.parametrize(
    ("rows", "stories"),
    [
        ({"scores": [score("r", 0, 9)]}, ["scores: 1 scores without their sample"]),
        (
            {"scores": [score("r", 0, grader=digest("gone"))]},
            ["scores: 1 scores without their grader"],
        ),
        (
            {"samples": [sample("r", 8), sample("r", 9)]},
            ["samples: 2 samples without their item"],
        ),
        ({"samples": [sample("gone", 0)]}, ["samples: 1 samples without their run"]),
        ({"samples": [sample("r", 0, 0)]}, ["samples: 1 rows that are there twice"]),
        ({"scores": [score("r", 0, 0)]}, ["scores: 1 rows that are there twice"]),
        ({"runs": [run("r")]}, ["runs: 1 rows that are there twice"]),
        (
            {"runs": [run("s", model_digest="x", prompt_digest="y", parent="gone")]},
            [
                "runs: 1 runs without their model",
                "runs: 1 runs without their prompt",
                "runs: 1 runs whose parent is not here",
            ],
        ),
        (
            {"run_events": [event("gone", "started")]},
            ["run_events: 1 run_events without their run"],
        ),
        ({"baselines": [baseline("gone")]}, ["baselines: 1 baselines without their run"]),
    ],
)
def test_what_leads_nowhere_is_found(tmp_path: Path, rows: Any, stories: list[str]) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("a", WHOLE)
        store.write("b", rows)
    found = check_store(path).findings
    assert [f"{finding.table}: {finding.count} {finding.story}" for finding in found] == stories
    assert all(finding.example for finding in found)


def test_rows_that_the_ledger_does_not_know_are_found(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("a", WHOLE)
    connection = connect(path)
    connection.execute('DELETE FROM "scores" WHERE "repeat" = 1')
    connection.close()
    assert [f.story for f in check_store(path).findings] == [
        "the ledger lists 16 rows, the tables hold 14"
    ]


def test_an_older_schema_is_said(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    connect(path).close()
    with pytest.raises(OlderStore, match=rf"schema 0 of {len(STEPS)}\), so .* runs --db"):
        check_store(path)


def test_a_check_changes_nothing_and_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with pytest.raises(StoreFailed, match="no such file"):
        check_store(path)
    assert list(tmp_path.iterdir()) == []
    open_store(path).close()
    before = path.read_bytes()
    check_store(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]

"""The schema grows by numbered steps, and a crash leaves a step done or not begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel.store.errors import BrokenStore, NewerStore
from flywheel.store.migrations import STEPS
from flywheel.store.rows.table import Table
from flywheel.store.store import connect, open_store
from flywheel.store.tables.scores import ScoreRow
from flywheel.store.tables.tables import TABLES
from tests.store.older import write_older
from tests.store.process import line, python
from tests.store.rows import run, sample, score, whole

GROW = """
import sys, time
from pathlib import Path
from flywheel.store.migrations import STEPS
from flywheel.store.tables.scores import ScoreRow
from flywheel.store.store import open_store

def grow(connection):
    connection.execute('ALTER TABLE "samples" ADD COLUMN "grown" VARCHAR')
    if sys.argv[2] == "within":
        print("within", flush=True)
        time.sleep(60)

def wait(connection):
    print("after", flush=True)
    time.sleep(60)

open_store(Path(sys.argv[1]), steps=[*STEPS, grow, wait])
"""


def grow(connection: Any) -> None:
    connection.execute('ALTER TABLE "samples" ADD COLUMN "grown" VARCHAR')


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_row_and_its_table_agree(tmp_path: Path, table: Table) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        found = store.query(f'DESCRIBE "{table.name}"')
    assert {(c["column_name"], c["column_type"], c["null"] == "YES") for c in found} == {
        (column.name, column.sql_type, column.optional) for column in table.columns
    }
    assert set(table.key) <= {column.name for column in table.columns}


def test_every_step_is_recorded_with_the_version_that_ran_it(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        found = store.query('SELECT "number", "name", "version" FROM "migrations"')
    assert [row["number"] for row in found] == list(range(1, len(STEPS) + 1))
    assert found[0]["name"] == "first_tables"
    assert found[0]["version"]


def test_a_step_runs_once_and_keeps_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("b", {"samples": [sample("r", 0)]})
    for _ in range(2):
        with open_store(path, steps=[*STEPS, grow]) as store:
            assert store.query('SELECT "run", "grown" FROM "samples"') == [
                {"run": "r", "grown": None}
            ]


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path, newer = tmp_path / "s.duckdb", len(STEPS) + 1
    open_store(path, steps=[*STEPS, grow]).close()
    with pytest.raises(
        NewerStore, match=rf"schema {newer}; this version knows {newer - 1}.*pip install -U"
    ):
        open_store(path)
    open_store(path, steps=[*STEPS, grow]).close()


@pytest.mark.parametrize(("moment", "done"), [("within", 0), ("after", 1)])
def test_a_killed_migration_is_done_or_not_begun(tmp_path: Path, moment: str, done: int) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("b", {"samples": [sample("r", i) for i in range(100)]})
    with python(GROW, path, moment) as process:
        assert line(process) == moment
    if not done:
        open_store(path).close()
    with open_store(path, steps=[*STEPS, grow]) as store:
        assert store.query('SELECT count(*) AS "n", count("grown") AS "g" FROM "samples"') == [
            {"n": 100, "g": 0}
        ]
        assert store.query('SELECT max("number") AS "n" FROM "migrations"') == [
            {"n": len(STEPS) + 1}
        ]


def test_scores_of_a_first_store_learn_their_position(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    tables = whole("r", items=3)
    scores = tables.pop("scores")
    again = {**tables, "runs": [*tables["runs"], run("again", kind="regrade", parent="r")]}
    write_older(path, 1, [again])
    later = ("run", "position", "usage", "judge_reply")
    old = [name for name in ScoreRow._fields if name not in later]
    names = ", ".join(f'"{name}"' for name in old)
    connection = connect(path)
    for row in scores:
        values = dict(zip(ScoreRow._fields, row, strict=True))
        for name in ("r", "again"):
            connection.execute(
                f'INSERT INTO "scores" ("run", {names}) VALUES (?, {", ".join("?" * len(old))})',
                [name, *(values[column] for column in old)],
            )
    connection.close()
    with open_store(path) as store:
        rows = store.query('SELECT * FROM "scores" ORDER BY "run", "position", "repeat"')
    assert [ScoreRow(**row) for row in rows] == [
        score(name, number, repeat)
        for name in ("again", "r")
        for number in range(3)
        for repeat in range(2)
    ]


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(connection: Any) -> None:
        grow(connection)
        raise RuntimeError("half way")

    path = tmp_path / "s.duckdb"
    with pytest.raises(RuntimeError, match="half way"):
        open_store(path, steps=[*STEPS, fail])
    with open_store(path, steps=[*STEPS, grow]) as store:
        assert store.query('SELECT count("grown") AS "n" FROM "samples"') == [{"n": 0}]


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    connection = connect(path)
    connection.execute("CREATE TABLE sales (x INT)")
    connection.close()
    with pytest.raises(BrokenStore, match="no Flywheel store"):
        open_store(path)

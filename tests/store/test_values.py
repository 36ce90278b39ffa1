"""A value that no run gives is refused by a rebuild, found by a check, and one line elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flywheel.cli.app import app
from flywheel.store.errors import BadExport, StoreFailed
from flywheel.store.store import connect, open_store
from flywheel.store.upkeep.check import check_store
from flywheel.store.upkeep.export import export_store
from flywheel.store.upkeep.rebuild import rebuild_store
from tests.cli.command import flywheel
from tests.evals.world import CHECK
from tests.store.rows import item, sample, whole

DEEP = "[" * 100_000 + "]" * 100_000
# The column, the value that it gets, and whether `runs` and `show` read it.
WRONG: tuple[tuple[str, str, Any, bool], ...] = (
    ("scores", "score", float("nan"), True),
    ("scores", "score", float("inf"), True),
    ("scores", "score", -float("inf"), True),
    ("samples", "seconds", float("nan"), False),
    ("samples", "price", float("inf"), False),
    ("samples", "extra", "no JSON", True),
    ("samples", "extra", "[1]", False),
    ("runs", "graders", "no JSON", True),
    ("runs", "graders", "{}", True),
    ("runs", "graders", "[1]", True),
    ("runs", "graders", DEEP, True),
    ("runs", "sampling", "", False),
    ("evalsets", "definition", "no JSON", True),
    ("evalsets", "definition", "[]", True),
    ("items", "item", "no JSON", False),
    ("models", "detail", "1", False),
    ("prompts", "messages", "{}", False),
)


@pytest.fixture(scope="module")
def whole_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "s.duckdb"
    with open_store(path) as store:
        store.write("a", whole("r"))
    return path


def changed(whole_store: Path, path: Path, table: str, column: str, value: Any) -> Path:
    """A copy of a store, with this value in each row."""
    shutil.copy(whole_store, path)
    connection = connect(path)
    connection.execute(f'UPDATE "{table}" SET "{column}" = ?', [value])
    connection.close()
    return path


@pytest.mark.parametrize(("table", "column", "value", "read"), WRONG)
def test_a_value_that_no_run_gives_is_found(
    whole_store: Path, tmp_path: Path, table: str, column: str, value: Any, read: bool
) -> None:
    path = changed(whole_store, tmp_path / "s.duckdb", table, column, value)
    (found,) = check_store(path).findings
    assert (found.table, column in found.story, bool(found.example)) == (table, True, True)
    for command in (["runs"], ["show", "r"]) if read else ():
        done = CliRunner().invoke(app, [*command, "--db", str(path)])
        assert isinstance(done.exception, StoreFailed), done.exception
        assert "store check" in str(done.exception)


@pytest.mark.parametrize("graders", ["no JSON", "{}", "[1]", DEEP])
def test_graders_that_cannot_be_read_are_one_line_in_every_command(
    tmp_path: Path, graders: str
) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("a", whole("r"))
        store.write("b", whole("q"))
    changed(path, tmp_path / "t.duckdb", "runs", "graders", graders)
    (tmp_path / "g.json").write_text(json.dumps(CHECK))
    for words in (
        ("compare", "r", "q"),
        ("gate", "q", "--baseline", "r"),
        ("regrade", "r", "--graders", tmp_path / "g.json"),
        ("plan", "ticket_triage", "--like", "r", "--like", "q"),
    ):
        done = flywheel(*words, "--db", tmp_path / "t.duckdb")
        assert done.returncode in (1, 3) and done.stderr.count("\n") == 1, done
        assert "the graders of run" in done.stderr and "store check" in done.stderr


@pytest.mark.parametrize(("table", "column", "value", "read"), [WRONG[0], WRONG[7]])
def test_a_rebuild_refuses_a_value_that_no_run_gives(
    whole_store: Path, tmp_path: Path, table: str, column: str, value: Any, read: bool
) -> None:
    path, again = tmp_path / "s.duckdb", tmp_path / "again.duckdb"
    with open_store(changed(whole_store, path, table, column, value)) as store:
        export_store(store, tmp_path / "export")
    with pytest.raises(BadExport, match=rf"{table}\.parquet.*{column}"):
        rebuild_store(tmp_path / "export", again)
    assert not again.exists()


def test_a_moment_out_of_time_is_found(whole_store: Path, tmp_path: Path) -> None:
    path = changed(whole_store, tmp_path / "s.duckdb", "runs", "created", "infinity")
    (found,) = check_store(path).findings
    assert found.story == "rows whose created is no date from the year 1 to 9999"


def test_half_a_surrogate_pair_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    half = '{"a": "\\ud800"}'
    with open_store(path) as store:
        rows = whole("r")
        rows["items"] = [item(0, item=half), item(1)]
        store.write("a", rows)
        store.write("b", {"samples": [sample("r", 0, 9, extra=half)]})
        export_store(store, tmp_path / "export")
    assert check_store(path).findings == []
    rebuild_store(tmp_path / "export", tmp_path / "again.duckdb")

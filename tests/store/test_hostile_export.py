"""An export that somebody else made runs nothing, reads nothing else and deletes nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flywheel.errors import FlywheelError
from flywheel.store.errors import BadExport, StoreFailed
from flywheel.store.rows.digest import digest_file
from flywheel.store.store import open_store
from flywheel.store.upkeep.export import MANIFEST, export_store
from flywheel.store.upkeep.rebuild import rebuild_store
from tests.store.rows import whole

Tables = dict[str, Any]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    with open_store(folder / "s.duckdb") as store:
        store.write("b", whole("r", items=3))
        export_store(store, folder / "export")
    return folder


@pytest.fixture
def folder(tmp_path: Path, exported: Path) -> Path:
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    return tmp_path / "export"


def rename(tables: Tables, name: str) -> None:
    tables[name] = tables.pop("votes")


def sign(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was changed."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["tables"][name]["sha256"] = digest_file(folder / f"{name}.parquet")
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "name",
    [
        "x\"; COPY (SELECT 1) TO 'written.csv'; --",
        "votes\" SELECT 1; ATTACH 'written.csv'; --",
        "../votes",
        "/etc/passwd",
        "migrations",
        "sqlite_master",
        "",
        "votes\0",
        "VOTES",
        "information_schema.tables",
    ],
)
def test_a_table_that_is_none_is_refused(
    tmp_path: Path, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = json.loads((folder / MANIFEST).read_text())
    rename(manifest["tables"], name)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadExport):
        rebuild_store(folder, tmp_path / "again.duckdb")
    assert sorted(tmp_path.iterdir()) == before


def missing_table(manifest: dict[str, Any]) -> None:
    del manifest["tables"]["runs"]


def rows_of_text(manifest: dict[str, Any]) -> None:
    manifest["tables"]["runs"]["rows"] = "1; DROP TABLE runs"


def schema_of_text(manifest: dict[str, Any]) -> None:
    manifest["schema"] = "1"


def schema_below_zero(manifest: dict[str, Any]) -> None:
    manifest["schema"] = -1


def more_rows(manifest: dict[str, Any]) -> None:
    manifest["tables"]["runs"]["rows"] = 2


def another_schema(manifest: dict[str, Any]) -> None:
    manifest["schema"] = 1


@pytest.mark.parametrize(
    "change",
    [missing_table, rows_of_text, schema_of_text, schema_below_zero, more_rows, another_schema],
)
def test_a_manifest_that_was_changed_is_refused(
    tmp_path: Path, folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadExport):
        rebuild_store(folder, tmp_path / "again.duckdb")
    assert not (tmp_path / "again.duckdb").exists()


def link_to_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", [MANIFEST, "runs.parquet"])
@pytest.mark.parametrize("place", [os.mkfifo, link_to_zero, os.mkdir])
def test_a_pipe_or_a_device_in_an_export_is_not_read(
    tmp_path: Path, folder: Path, name: str, place: Callable[[Path], None]
) -> None:
    (folder / name).unlink()
    place(folder / name)
    with pytest.raises(BadExport, match=r"not (a regular|the) file"):
        rebuild_store(folder, tmp_path / "again.duckdb")
    assert not (tmp_path / "again.duckdb").exists()


def test_a_table_that_is_named_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"format": 1,', '"format": 1, "format": 1,'))
    with pytest.raises(BadExport, match="no complete export"):
        rebuild_store(folder, tmp_path / "again.duckdb")


def test_a_file_that_is_a_link_is_refused(tmp_path: Path, folder: Path) -> None:
    (folder / "runs.parquet").rename(tmp_path / "runs.parquet")
    (folder / "runs.parquet").symlink_to(tmp_path / "runs.parquet")
    with pytest.raises(BadExport, match=r"runs\.parquet: missing, or not the file"):
        rebuild_store(folder, tmp_path / "again.duckdb")


@pytest.mark.parametrize(
    "sql",
    [
        """SELECT 1 AS "run\"\"; DROP TABLE runs; --" """,
        """SELECT 'x' AS "comparison" """,
        """SELECT *, 1 AS "more" FROM read_parquet('{}')""",
        """SELECT * EXCLUDE ("run") FROM read_parquet('{}')""",
        """SELECT * REPLACE (NULL AS "run") FROM read_parquet('{}')""",
        """SELECT * REPLACE ('noon' AS "created") FROM read_parquet('{}')""",
    ],
)
def test_a_file_with_other_columns_is_refused(tmp_path: Path, folder: Path, sql: str) -> None:
    path, changed = folder / "runs.parquet", tmp_path / "changed.parquet"
    query = sql.format(str(path).replace("'", "''"))
    duckdb.sql(f"COPY ({query}) TO '{changed}' (FORMAT parquet)")
    changed.replace(path)
    sign(folder, "runs")
    with pytest.raises(BadExport, match=r"runs\.parquet"):
        rebuild_store(folder, tmp_path / "again.duckdb")
    assert not (tmp_path / "again.duckdb").exists()


def test_a_store_reads_and_writes_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with open_store(tmp_path / "s.duckdb") as store:
        for sql in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"SELECT * FROM read_text('{tmp_path}/secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/written.csv'",
            f"ATTACH '{tmp_path}/other.duckdb'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
            "LOAD httpfs",
        ):
            with pytest.raises(duckdb.Error):
                store.query(sql)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.duckdb", "secret.csv"]


@pytest.mark.parametrize("name", ["mine.half", ".mine.half"])
def test_what_is_beside_an_export_and_a_store_stays(
    tmp_path: Path, folder: Path, name: str
) -> None:
    beside = tmp_path / name
    beside.mkdir()
    (beside / "thesis.txt").write_text("years of work")
    with open_store(tmp_path / "s.duckdb") as store:
        export_store(store, tmp_path / "mine")
    rebuild_store(folder, tmp_path / "again.duckdb")
    assert (beside / "thesis.txt").read_text() == "years of work"


def test_a_file_beside_a_rebuilt_store_stays(tmp_path: Path, folder: Path) -> None:
    for name in ("x.half", "x.half.wal", "x.wal"):
        (tmp_path / name).write_text("years of work")
    with pytest.raises(FlywheelError, match=r"x\.wal"):
        rebuild_store(folder, tmp_path / "x")
    (tmp_path / "x.wal").unlink()
    rebuild_store(folder, tmp_path / "x")
    assert (tmp_path / "x.half").read_text() == (tmp_path / "x.half.wal").read_text()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_failed_export_and_a_failed_rebuild_leave_nothing(tmp_path: Path, folder: Path) -> None:
    (folder / "scores.parquet").write_bytes(b"PAR1")
    sign(folder, "scores")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(BadExport, match="cannot be read"):
        rebuild_store(folder, tmp_path / "again.duckdb")
    with pytest.raises(StoreFailed):
        rebuild_store(folder, tmp_path / "nowhere" / "again.duckdb")
    assert sorted(os.listdir(tmp_path)) == before

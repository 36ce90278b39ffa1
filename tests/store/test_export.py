"""What is exported is rebuilt as it was; what is no whole export is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel.store.errors import BadExport, NewerStore, StoreFailed
from flywheel.store.store import Store, open_store
from flywheel.store.tables.tables import TABLES
from flywheel.store.upkeep.check import check_store
from flywheel.store.upkeep.export import MANIFEST, export_store
from flywheel.store.upkeep.rebuild import rebuild_store
from tests.store.rows import sample, whole


def content(store: Store) -> dict[str, Any]:
    return {name: store.query(f'SELECT * FROM "{name}" ORDER BY ALL') for name in TABLES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export of a small store, in a place with a quote in its name."""
    folder = tmp_path / "it's" / "export"
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("b", whole("r", items=3))
        manifest = export_store(store, folder)
    assert (manifest.tables["samples"].rows, manifest.tables["runs"].rows) == (6, 1)
    return folder


def test_a_rebuilt_store_holds_the_same(tmp_path: Path, folder: Path) -> None:
    again = tmp_path / "again.duckdb"
    rebuild_store(folder, again)
    assert check_store(again).findings == []
    with open_store(tmp_path / "s.duckdb") as one, open_store(again) as other:
        assert content(one) == content(other)
        assert other.write("b", whole("r")) is False, "the ledger came along"
        assert other.write("c", {"samples": [sample("r", 7)]})


def test_an_export_is_parquet_that_anything_reads(folder: Path) -> None:
    import pyarrow.parquet

    reader: Any = pyarrow.parquet
    assert reader.read_table(folder / "samples.parquet").num_rows == 6
    chunk = reader.ParquetFile(folder / "samples.parquet").metadata.row_group(0).column(0)
    assert chunk.compression == "ZSTD"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [MANIFEST, *(f"{name}.parquet" for name in TABLES)]
    )


def test_an_export_is_of_one_moment_while_writing_goes_on(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        acks = [store.append(f"b{i}", whole(f"r{i}", items=10)) for i in range(100)]
        manifest = export_store(store, tmp_path / "export")
        assert all(ack.result() for ack in acks)
    rebuild_store(tmp_path / "export", tmp_path / "again.duckdb")
    report = check_store(tmp_path / "again.duckdb")
    assert report.findings == []
    assert report.rows == {name: table.rows for name, table in manifest.tables.items()}


@pytest.mark.parametrize(
    ("file", "content", "story"),
    [
        (MANIFEST, None, "no complete export"),
        (MANIFEST, "{", "no complete export"),
        (MANIFEST, "[]", "no complete export"),
        (MANIFEST, '{"format": 2}', "export format 2; upgrade Flywheel"),
        ("scores.parquet", None, r"scores\.parquet: missing"),
        ("runs.parquet", "PAR1", "not the file that was exported"),
    ],
)
def test_a_harmed_export_is_refused(
    tmp_path: Path, folder: Path, file: str, content: str | None, story: str
) -> None:
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(BadExport, match=story):
        rebuild_store(folder, tmp_path / "again.duckdb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it's", "s.duckdb"]


def test_an_export_of_a_newer_version_is_refused(tmp_path: Path, folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(NewerStore, match="schema 99; this version knows"):
        rebuild_store(folder, tmp_path / "again.duckdb")


def test_nothing_is_written_over(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadExport, match="exists already"):
        rebuild_store(folder, tmp_path / "s.duckdb")
    with open_store(tmp_path / "s.duckdb") as store, pytest.raises(BadExport, match="exists"):
        export_store(store, folder)
    assert check_store(tmp_path / "s.duckdb").findings == []


def test_an_export_to_nowhere_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        open_store(tmp_path / "s.duckdb") as store,
        pytest.raises(StoreFailed, match="cannot be opened for writing"),
    ):
        export_store(store, tmp_path / "file" / "export")

"""Rebuild: a new store from an export.

The file gets its name only when it is complete. An export of an older version is read into its own
schema and then migrated. An export is untrusted: pyarrow reads its files, some megabytes at a time,
and DuckDB, which cannot read other files, takes only columns that the schema names.
"""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from flywheel.files import folder_beside, install
from flywheel.store.errors import BadExport, NewerStore, denied, first_line
from flywheel.store.execute import insert
from flywheel.store.migrations import STEPS, migrate
from flywheel.store.owner import own, real_path
from flywheel.store.reader import Reader
from flywheel.store.rows.values import wrong_values
from flywheel.store.store import connect
from flywheel.store.upkeep.export import Manifest, load_manifest
from flywheel.store.upkeep.parquet import batch_rows

_BATCH_ROWS = 2_048


def rebuild_store(folder: Path, path: Path) -> Manifest:
    """Make a store at `path` from an export. Raises BadExport, and never overwrites a file."""
    manifest = load_manifest(folder)
    if manifest.schema > len(STEPS):
        raise NewerStore(
            f"{folder}: exported by Flywheel {manifest.version} (schema {manifest.schema}; this"
            f" version knows {len(STEPS)}); upgrade with `pip install -U flywheel`"
        )
    path = real_path(path)
    with own(path):
        # The leftover log of another store would be replayed into this one.
        for there in (path, path.with_name(path.name + ".wal")):
            if there.exists():
                raise BadExport(f"{there}: exists already; move it away, or name another --db")
        try:
            with folder_beside(path) as half:
                _build(half / path.name, folder, manifest)
                install(half / path.name, path)
        except OSError as error:
            raise denied(path, error) from None
    return manifest


def _build(path: Path, folder: Path, manifest: Manifest) -> None:
    with closing(connect(path)) as connection:
        store = Reader(path, connection)
        with store.cursor() as cursor:
            _fill(cursor, folder, path, manifest)
        for wrong in wrong_values(store):
            raise BadExport(
                f"{folder / wrong.table}.parquet: {wrong.rows} {wrong.story}, one of them"
                f" {wrong.example!r:.200}; take another export"
            )


def _fill(cursor: Any, folder: Path, path: Path, manifest: Manifest) -> None:
    migrate(cursor, path, STEPS[: manifest.schema])
    there = {name for (name,) in cursor.execute("SHOW TABLES").fetchall()} - {"migrations"}
    if there != manifest.tables.keys():
        raise BadExport(
            f"{folder}: a store of schema {manifest.schema} has the tables"
            f" {', '.join(sorted(there))}; the manifest names"
            f" {', '.join(sorted(map(repr, manifest.tables)))}"
        )
    for name, entry in manifest.tables.items():
        rows = _read_into(cursor, name, folder / f"{name}.parquet")
        if rows != entry.rows:
            raise BadExport(f"{folder}: {name} holds {rows} rows, the manifest says {entry.rows}")
    migrate(cursor, path)


def _read_into(cursor: Any, name: str, path: Path) -> int:
    """Insert the rows of a file into the table of this name, and return their number."""
    import duckdb

    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    columns = [column for column, *_ in cursor.execute(f'DESCRIBE "{name}"').fetchall()]
    listed = ", ".join(f'"{column}"' for column in columns)
    rows = 0
    try:
        with parquet.ParquetFile(path) as file:
            if sorted(file.schema_arrow.names) != sorted(columns):
                raise BadExport(f"{path}: wanted the columns {', '.join(columns)}")
            most = batch_rows(path, file.metadata, _BATCH_ROWS)
            for batch in file.iter_batches(batch_size=most):
                insert(cursor, name, listed, arrow.Table.from_batches([batch]))
                rows += batch.num_rows
    except (arrow.ArrowException, duckdb.DataError, duckdb.IntegrityError, OSError) as error:
        raise BadExport(f"{path}: cannot be read: {first_line(error)}") from None
    return rows

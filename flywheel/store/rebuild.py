"""Rebuild: a new store from an export.

The file gets its name only when it is complete. An export of an older version is read into the
schema that it came from and then migrated, like the store it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flywheel.store.errors import BadExport, NewerStore
from flywheel.store.export import Manifest, load_manifest, sql_text
from flywheel.store.migrations import STEPS, migrate
from flywheel.store.owner import own
from flywheel.store.reader import Reader
from flywheel.store.store import connect


def rebuild_store(folder: Path, path: Path) -> Manifest:
    """Make a store at `path` of an export. Raises BadExport, and never writes over a file."""
    manifest = load_manifest(folder)
    if manifest.schema > len(STEPS):
        raise NewerStore(
            f"{folder}: exported by Flywheel {manifest.version} (schema {manifest.schema}; this"
            f" version knows {len(STEPS)}); upgrade with `pip install -U flywheel`"
        )
    half = path.with_name(path.name + ".half")
    ownership = own(path)
    try:
        if path.exists():
            raise BadExport(f"{path}: exists already; move it away, or name another --db")
        _remove(half)
        connection = connect(half)
        try:
            with Reader(half, connection).cursor() as cursor:
                _fill(cursor, folder, half, manifest)
        finally:
            connection.close()
        half.replace(path)
    finally:
        _remove(half)
        ownership.give_up()
    return manifest


def _fill(cursor: Any, folder: Path, half: Path, manifest: Manifest) -> None:
    migrate(cursor, half, STEPS[: manifest.schema])
    for name, entry in manifest.tables.items():
        source = sql_text(folder / f"{name}.parquet")
        cursor.execute(f'INSERT INTO "{name}" BY NAME SELECT * FROM read_parquet({source})')
        rows = cursor.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        if rows != entry.rows:
            raise BadExport(f"{folder}: {name} holds {rows} rows, the manifest says {entry.rows}")
    migrate(cursor, half)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)

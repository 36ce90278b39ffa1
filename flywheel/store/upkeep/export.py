"""Export: every table as one Parquet file, which other programs can read.

The folder also holds manifest.json: counts, digests of the files, and the schema of the store. The
export is written to a temporary folder, which is renamed when it is complete. A manifest is
untrusted: the result of `load_manifest` names only tables and files of an export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from flywheel.files import NotRegular, folder_beside, install, open_regular
from flywheel.store.errors import BadExport, denied
from flywheel.store.migrations import STEPS, schema_number
from flywheel.store.reader import Reader
from flywheel.store.rows.arrow import ArrowTable, pyarrow
from flywheel.store.rows.digest import digest_file
from flywheel.store.rows.table import utc_now
from flywheel.store.tables.tables import TABLES
from graders.text.strict_json import parse_json

FORMAT = 1
MANIFEST = "manifest.json"
_MOST_MANIFEST = 1 << 20
_GROUP_ROWS = 100_000
_GROUP_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """One table of an export."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of an export. `schema` is the number of the last migration of its store."""

    schema: int
    version: str
    created: str
    tables: dict[str, Exported]


def export_store(store: Reader, folder: Path) -> Manifest:
    """Write a snapshot of all tables to a new folder. The store can be written meanwhile.

    Raises BadExport if the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadExport(f"{folder}: exists already; name a new folder for the export")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(folder) as half:
            half.chmod(0o755)
            manifest = _export(store, half)
            (half / MANIFEST).write_text(_as_json(manifest), encoding="utf-8")
            install(half, folder)
    except OSError as error:
        raise denied(folder, error) from None
    return manifest


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an export, after a check of each file against it. Raises BadExport.

    An unknown table is refused, unless a newer version wrote the export.
    """
    try:
        manifest = _read_manifest(folder)
    except NotRegular:
        raise BadExport(
            f"{folder / MANIFEST}: not a regular file; name a folder that `flywheel store export`"
            " wrote"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadExport(
            f"{folder}: no complete export (no readable {MANIFEST}); name a folder that"
            " `flywheel store export` wrote"
        ) from None
    if manifest.schema > len(STEPS):
        return manifest
    for name, entry in manifest.tables.items():
        path = folder / f"{name}.parquet"
        if name not in TABLES:
            raise BadExport(f"{folder / MANIFEST}: no table {name!r:.80} in a store")
        if path.is_symlink() or not path.is_file() or digest_file(path) != entry.sha256:
            raise BadExport(
                f"{path}: missing, or not the file that was exported; take another export"
            )
    return manifest


def _read_manifest(folder: Path) -> Manifest:
    with open_regular(folder / MANIFEST) as file:
        fields = cast("dict[str, Any]", parse_json(file.read(_MOST_MANIFEST)))
    if fields["format"] != FORMAT:
        raise BadExport(f"{folder}: export format {fields['format']!r:.80}; upgrade Flywheel")
    tables = {name: Exported(**entry) for name, entry in fields["tables"].items()}
    manifest = Manifest(fields["schema"], fields["version"], fields["created"], tables)
    numbers = [manifest.schema, *(entry.rows for entry in tables.values())]
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError
    return manifest


def _export(store: Reader, folder: Path) -> Manifest:
    """Write a snapshot of all tables into a folder."""
    with store.cursor() as cursor:
        cursor.begin()
        schema = schema_number(cursor, store.path)
        names = [name for (name,) in cursor.execute("SHOW TABLES").fetchall()]
        tables = {
            name: _export_table(cursor, name, folder / f"{name}.parquet")
            for name in names
            if name != "migrations"
        }
        cursor.rollback()
    created = utc_now().isoformat(timespec="seconds")
    return Manifest(schema, version("flywheel-llm"), created, tables)


def _export_table(cursor: Any, name: str, path: Path) -> Exported:
    """Write a table in chunks of some tens of megabytes."""
    parquet: Any = import_module("pyarrow.parquet")
    reader = cursor.execute(f'SELECT * FROM "{name}"').to_arrow_reader(2_048)
    rows = 0
    with parquet.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for group in _groups(reader):
            writer.write_table(group)
            rows += group.num_rows
    return Exported(rows, digest_file(path))


def _groups(reader: Any) -> Iterator[ArrowTable]:
    waiting: list[Any] = []
    rows = size = 0
    for batch in reader:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pyarrow().Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pyarrow().Table.from_batches(waiting)


def _as_json(manifest: Manifest) -> str:
    tables = {
        name: {"rows": entry.rows, "sha256": entry.sha256}
        for name, entry in sorted(manifest.tables.items())
    }
    story = {
        "format": FORMAT,
        "schema": manifest.schema,
        "version": manifest.version,
        "created": manifest.created,
        "tables": tables,
    }
    return json.dumps(story, indent=2) + "\n"

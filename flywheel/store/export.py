"""Export: every table as one Parquet file, readable by anything, so that no data is locked in.

The folder also holds manifest.json: counts, digests of the files, and the schema they came from.
It is written beside its place first and moved there when it is complete.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from flywheel.store.digest import digest_file
from flywheel.store.errors import BadExport, denied
from flywheel.store.migrations import schema_number
from flywheel.store.reader import Reader
from flywheel.store.table import utc_now

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Exported:
    """One table of an export."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds. `schema` is the number of the last migration of its store."""

    schema: int
    version: str
    created: str
    tables: dict[str, Exported]


def export_store(store: Reader, folder: Path) -> Manifest:
    """Write all tables, as they are at one moment, to a new folder. Writing goes on meanwhile.

    Raises BadExport when the folder exists already and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadExport(f"{folder}: exists already; name a new folder for the export")
    half = folder.with_name(folder.name + ".half")
    try:
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        with store.cursor() as cursor:
            cursor.begin()
            schema = schema_number(cursor, store.path)
            names = [name for (name,) in cursor.execute("SHOW TABLES").fetchall()]
            tables = {
                name: _export(cursor, name, half / f"{name}.parquet")
                for name in names
                if name != "migrations"
            }
            cursor.rollback()
        created = utc_now().isoformat(timespec="seconds")
        manifest = Manifest(schema, version("flywheel-llm"), created, tables)
        (half / MANIFEST).write_text(_as_json(manifest), encoding="utf-8")
        half.replace(folder)
    except OSError as error:
        raise denied(folder, error) from None
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return manifest


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an export, each file compared with it. Raises BadExport."""
    try:
        told = cast("dict[str, Any]", json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        if told["format"] != FORMAT:
            raise BadExport(f"{folder}: export format {told['format']!r}; upgrade Flywheel")
        tables = {name: Exported(**entry) for name, entry in told["tables"].items()}
        manifest = Manifest(told["schema"], told["version"], told["created"], tables)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadExport(
            f"{folder}: no complete export (no readable {MANIFEST}); name a folder that"
            " `flywheel store export` wrote"
        ) from None
    for name, entry in tables.items():
        path = folder / f"{name}.parquet"
        if not path.is_file() or digest_file(path) != entry.sha256:
            raise BadExport(
                f"{path}: missing, or not the file that was exported; take another export"
            )
    return manifest


def sql_text(path: Path) -> str:
    """A path as a quoted text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _export(cursor: Any, name: str, path: Path) -> Exported:
    cursor.execute(
        f'COPY (SELECT * FROM "{name}") TO {sql_text(path)} (FORMAT parquet, COMPRESSION zstd)'
    )
    rows = cursor.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
    return Exported(rows, digest_file(path))


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

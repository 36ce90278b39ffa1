"""Compact: rewrite the store without its free blocks.

DuckDB reuses a file's free blocks, but never shrinks the file. The rows are copied table by table
into a new file beside it, which is renamed when it is complete and flushed: after a kill or a power
cut the store is the old file or the new one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from flywheel.files import install
from flywheel.store.errors import BrokenStore, StoreFailed, denied, failed
from flywheel.store.execute import insert
from flywheel.store.migrations import migrate
from flywheel.store.owner import own, real_path
from flywheel.store.store import connect
from flywheel.store.tables.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROWS = 2_048


@dataclass(frozen=True, slots=True)
class Compacted:
    """The size of the file before and after, in bytes."""

    before: int
    after: int


def compact_store(path: Path) -> Compacted:
    """Rewrite a store that no process has open, after migrating an older one.

    Needs as much free space as the new file takes. Raises StoreInUse, NewerStore and StoreFailed,
    and then leaves the old file unchanged.
    """
    if not path.is_file():
        raise StoreFailed(f"{path}: no such file; name the store with --db")
    path = real_path(path)
    ownership = own(path)
    # Only the owner writes this file, so one that a killed process left can be removed.
    half = path.with_name(f".{path.name}.compact")
    try:
        before = path.stat().st_size
        _discard(half)
        _copy(path, half)
        shutil.copymode(path, half)
        install(half, path)
        return Compacted(before, path.stat().st_size)
    except OSError as error:
        raise denied(path, error) from None
    except duckdb.Error as error:
        raise failed(path, error) from error
    finally:
        _discard(half)
        ownership.give_up()


def _discard(half: Path) -> None:
    for part in (half, half.with_name(half.name + ".wal")):
        part.unlink(missing_ok=True)


def _copy(path: Path, new: Path) -> None:
    """Copy every row into a new file. Afterwards both are closed, and neither has a log."""
    with closing(connect(path)) as source, closing(connect(new)) as target:
        migrate(source, path)
        migrate(target, new)
        tables = _tables(source)
        if strange := tables.keys() - TABLES.keys() - {"migrations"}:
            raise StoreFailed(
                f"{path}: holds tables that are not Flywheel's ({', '.join(sorted(strange))});"
                " copy them elsewhere and drop them, then compact it again"
            )
        target.execute('DELETE FROM "migrations"')
        for name in tables:
            _copy_table(source, target, name)
        if _tables(target) != tables:
            raise BrokenStore(f"{path}: not all rows could be copied; the file stays as it was")
    for log in (one.with_name(one.name + ".wal") for one in (path, new)):
        # A leftover log would be replayed into the new file.
        if log.exists():
            raise StoreFailed(f"{log}: this log could not be merged; the file stays as it was")


def _tables(connection: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """The number of rows of each table."""
    names: Iterable[tuple[str]] = connection.execute("SHOW TABLES").fetchall()
    sql = 'SELECT count(*) FROM "{}"'
    return {
        name: (connection.execute(sql.format(name.replace('"', '""'))).fetchone() or (0,))[0]
        for (name,) in names
    }


def _copy_table(source: Any, target: Any, name: str) -> None:
    columns = [column for column, *_ in target.execute(f'DESCRIBE "{name}"').fetchall()]
    listed = ", ".join(f'"{column}"' for column in columns)
    rows = source.execute(f'SELECT {listed} FROM "{name}"').to_arrow_reader(_ROWS)
    insert(target, name, listed, rows)

"""A store as an older version wrote it: its own schema, and no column that came later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from flywheel.store.migrations import STEPS, migrate
from flywheel.store.store import connect
from flywheel.store.tables.tables import TABLES
from tests.store.rows import NOON, Tables


class OldRead(NamedTuple):
    """A row of test_reads, which the chain of reads replaced."""

    evalset: str
    split_digest: str
    run: str
    reason: str
    created: datetime


def write_older(path: Path, schema: int, batches: Sequence[Tables]) -> dict[str, int]:
    """Make a store of that schema with these batches in its ledger, and count its rows."""
    counts: dict[str, int] = {"batches": len(batches)}
    with closing(connect(path)) as connection:
        migrate(connection, path, STEPS[:schema])
        for number, tables in enumerate(batches):
            added = {name: _insert(connection, name, rows) for name, rows in tables.items()}
            ledger = [f"batch-{number}", sum(added.values()), NOON]
            connection.execute('INSERT INTO "batches" VALUES (?, ?, ?)', ledger)
            for name, rows in added.items():
                counts[name] = counts.get(name, 0) + rows
    return counts


def _insert(connection: Any, name: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert the rows, definitions that are there left out, and count them."""
    there = [column for column, *_ in connection.execute(f'DESCRIBE "{name}"').fetchall()]
    known: set[str] = set()
    if TABLES[name].definition if name in TABLES else False:
        known = {one for (one,) in connection.execute(f'SELECT "digest" FROM "{name}"').fetchall()}
    count = 0
    for row in rows:
        values = dict(zip(cast("Any", row)._fields, row, strict=True))
        if values.get("digest") in known:
            continue
        names = [column for column in there if column in values]
        marks = ", ".join("?" * len(names))
        listed = ", ".join(f'"{column}"' for column in names)
        sql = f'INSERT INTO "{name}" ({listed}) VALUES ({marks})'
        connection.execute(sql, [values[column] for column in names])
        count += 1
    return count

"""Memory: how much DuckDB may use, which is never less than the largest rows need.

DuckDB reads and rewrites 2,048 rows of a table at a time and holds all their texts meanwhile.
Where it cannot, a query fails; a checkpoint that cannot invalidates the whole database. So the
limit follows from the longest texts of the store. Measured with 1.5.6: 4,000 rows of 100 kB each
fail at 1.3 times what 2,048 of them hold and pass at 2.3 times. Beyond what DuckDB itself would
take, 80% of the machine's memory, nothing is allowed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from flywheel.store.rows.arrow import ArrowTable, compute
from flywheel.store.rows.table import Table
from flywheel.store.tables.tables import TABLES

if TYPE_CHECKING:
    import duckdb

# DuckDB would take most of the machine, which training and local models need. What does not fit
# goes to disk beside the store. While a run streams rows in, little is enough.
NORMAL = 512_000_000
FRUGAL = 64_000_000
_VECTOR = 2_048
_FACTOR = 3
_LONGEST = re.compile(r"Max String Length: (\d+)")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class Memory:
    """The memory limit of one open store. Use it from any thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The connection must have DuckDB's own default limit, so that a long log is replayed."""
        self._connection = connection
        self._lock = threading.Lock()
        self._most = _default_limit(connection)
        self._frugal = 0
        self._limit = 0
        there = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
        self._longest = {
            name: _longest(connection, table) if name in there else 0
            for name, table in TABLES.items()
        }
        with self._lock:
            self._apply()

    @property
    def limit(self) -> int:
        """The limit in bytes that holds now."""
        return self._limit

    def make_room(self, table: Table, rows: ArrowTable) -> None:
        """Allow what it takes to insert these rows and to checkpoint the table with them."""
        if rows.get_total_buffer_size() <= self._longest[table.name]:
            return
        longest = sum(_longest_text(rows.column(name)) for name in table.texts)
        if longest > self._longest[table.name]:
            with self._lock:
                self._longest[table.name] = longest
                self._apply()

    @contextmanager
    def frugal(self) -> Generator[None]:
        """Use little for a while: enough to write, and to sum up a run of any length."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    @contextmanager
    def most(self) -> Generator[None]:
        """Allow all that DuckDB would take by itself, for a batch that failed for want of it."""
        with self._lock:
            self._set(self._most)
        try:
            yield
        finally:
            with self._lock:
                self._apply()

    def _count(self, change: int) -> None:
        with self._lock:
            self._frugal += change
            self._apply()

    def _apply(self) -> None:
        base = FRUGAL if self._frugal else NORMAL
        needed = _FACTOR * _VECTOR * max(self._longest.values())
        limit = min(max(base, needed), self._most)
        if limit != self._limit:
            self._set(limit)

    def _set(self, limit: int) -> None:
        import duckdb

        # To lower it fails while a query uses more; a store that failed or closed has said so.
        with suppress(duckdb.Error):
            self._connection.execute(f"SET memory_limit = '{limit >> 10}KiB'")
            self._limit = limit


def _default_limit(connection: duckdb.DuckDBPyConnection) -> int:
    (shown,) = connection.execute("SELECT current_setting('memory_limit')").fetchone() or ("",)
    number, _, unit = str(shown).partition(" ")
    try:
        return int(float(number) * _UNITS[unit])
    except (ValueError, KeyError):
        return NORMAL


def _longest(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Bytes in the longest texts of a table, column by column, from DuckDB's statistics.

    Statistics that cannot be read count as texts of any length: then nothing is ever too small.
    """
    if not table.texts:
        return 0
    columns = ", ".join(f'stats("{name}")' for name in table.texts)
    shown = connection.execute(f'SELECT {columns} FROM "{table.name}" LIMIT 1').fetchone()
    if shown is None:
        return 0
    lengths = [_LONGEST.search(str(text)) for text in shown]
    return sum(int(length[1]) if length else 1 << 30 for length in lengths)


def _longest_text(column: ArrowTable) -> int:
    return compute().max(compute().binary_length(column)).as_py() or 0

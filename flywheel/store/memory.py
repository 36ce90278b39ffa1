"""Memory: DuckDB's memory limit, raised for each running operation and lowered after it.

DuckDB has one limit for all connections to a file. Each query adds its share for as long as it
runs, so that no run takes memory from another, and a run that waits for a model holds little.

The limit is never less than the largest rows need. DuckDB reads and rewrites 2,048 rows of a table
at a time and holds all their texts in memory. If it cannot, a query fails, and a failing checkpoint
invalidates the whole database. So the limit depends on the longest texts of the store, including
those about to be written. Measured with 1.5.6: 4,000 rows of 100 kB each fail at 1.3 times what
2,048 of them hold and pass at 2.3 times. The limit never exceeds DuckDB's default, 80% of the
machine's memory.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from flywheel.store.rows.arrow import ArrowTable, compute
from flywheel.store.rows.table import Table
from flywheel.store.tables.tables import TABLES

if TYPE_CHECKING:
    import duckdb

# By default DuckDB would take most of the memory, which training and local models need. What does
# not fit is spilled to disk beside the store. Inserting rows and summarising a run need little.
NORMAL = 512_000_000
FRUGAL = 64_000_000
_is_frugal: ContextVar[bool] = ContextVar("is_frugal", default=False)
_VECTOR = 2_048
_FACTOR = 3
_LONGEST = re.compile(r"Max String Length: (\d+)")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class Memory:
    """The memory limit of one open store. Use it from any thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The connection must have DuckDB's default limit, which the replay of a long log needs."""
        self._connection = connection
        self._lock = threading.Lock()
        self._most = _default_limit(connection)
        self._frugal = 0
        self._unlimited = 0
        self._running = {False: 0, True: 0}
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
        """The current limit in bytes."""
        return self._limit

    def make_room(self, table: Table, rows: ArrowTable) -> None:
        """Raise the limit to what inserting these rows and the next checkpoint need."""
        if rows.get_total_buffer_size() <= self._longest[table.name]:
            return
        longest = sum(_longest_text(rows.column(name)) for name in table.texts)
        if longest > self._longest[table.name]:
            with self._lock:
                self._longest[table.name] = longest
                self._apply()

    @contextmanager
    def frugal(self) -> Generator[None]:
        """Operations in this context get little memory: enough to write, and to summarise a run.

        Between operations the store keeps no more than that in memory.
        """
        token = _is_frugal.set(True)
        self._change(frugal=1)
        try:
            yield
        finally:
            self._change(frugal=-1)
            _is_frugal.reset(token)

    @contextmanager
    def operation(self) -> Generator[None]:
        """Raise the limit by a share while a query runs, a small one in a frugal context."""
        frugal = _is_frugal.get()
        self._change(running=(frugal, 1))
        try:
            yield
        finally:
            self._change(running=(frugal, -1))

    @contextmanager
    def most(self) -> Generator[None]:
        """Raise the limit to DuckDB's default, for a batch that ran out of memory."""
        self._change(unlimited=1)
        try:
            yield
        finally:
            self._change(unlimited=-1)

    def _change(
        self, *, frugal: int = 0, unlimited: int = 0, running: tuple[bool, int] = (False, 0)
    ) -> None:
        with self._lock:
            self._frugal += frugal
            self._unlimited += unlimited
            self._running[running[0]] += running[1]
            self._apply()

    def _apply(self) -> None:
        # One share per frugal context: the queries of ten runs do not change the limit each time.
        resting = min(NORMAL, FRUGAL * self._frugal) if self._frugal else NORMAL
        asked = NORMAL * self._running[False] + FRUGAL * self._running[True]
        needed = _FACTOR * _VECTOR * max(self._longest.values())
        limit = self._most if self._unlimited else min(max(resting, asked, needed), self._most)
        if limit != self._limit:
            self._set(limit)

    def _set(self, limit: int) -> None:
        import duckdb

        # Lowering it fails while a query uses more. A failed or closed store reports its own error.
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

    Statistics that cannot be read count as texts of unlimited length, to be safe.
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

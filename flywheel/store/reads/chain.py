"""The chain of reads: linked by the writer as it commits, and verified row by row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.arrow import ArrowBatch
from flywheel.store.tables.reads import (
    BEGINNING,
    READS_CHAIN,
    Head,
    ReadRow,
    hash_of,
    linked,
    set_digest,
)

if TYPE_CHECKING:
    import duckdb

_BLOCK = 1_000


class Chain:
    """The writer's copy of the end of the chain. Only for the writer's thread.

    Rows that a group adds are dropped again unless the group is committed.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._head: Head | None = None
        self._new: Head | None = None

    def link(self, batch: ArrowBatch) -> ArrowBatch:
        """The rows of a batch as the next ones of the chain."""
        head = self._new or self._committed()
        rows: list[ReadRow] = []
        for fields in batch.to_pylist():
            rows.append(linked(ReadRow(**fields), head))
            head = Head(rows[-1].n, rows[-1].hash)
        self._new = head
        return READS_CHAIN.batch(rows)

    def keep_new(self) -> None:
        """Keep the rows linked since the last commit."""
        self._head, self._new = self._new or self._head, None

    def forget_new(self) -> None:
        """Drop the rows linked since the last commit."""
        self._new = None

    def _committed(self) -> Head:
        if self._head is None:
            sql = 'SELECT "n", "hash" FROM "reads_chain" ORDER BY "n" DESC LIMIT 1'
            found = self._connection.execute(sql).fetchone()
            self._head = Head(*found) if found else Head(0, BEGINNING)
        return self._head


class Break(NamedTuple):
    """A fault of one row of the chain."""

    story: str
    example: str


def broken_links(store: Reader) -> Iterator[Break]:
    """Recompute every hash, and yield a fault for each row that does not match.

    Does not detect a chain that was rewritten as a whole, nor removed last rows that nothing else
    in the store refers to.
    """
    head = Head(0, BEGINNING)
    with store.cursor() as cursor:
        sql = f'SELECT {READS_CHAIN.quoted} FROM "reads_chain" ORDER BY "n", rowid'
        cursor.execute(sql)
        while rows := cursor.fetchmany(_BLOCK):
            for row in (ReadRow(*values) for values in rows):
                yield from _faults(row, head)
                head = Head(row.n, row.hash)


def broken_sets(store: Reader) -> Iterator[Break]:
    """Yield a fault for each set of items that does not match its digest."""
    with store.cursor() as cursor:
        cursor.execute('SELECT "item_set", "item" FROM "item_sets" ORDER BY ALL')
        rows = chain.from_iterable(iter(lambda: cursor.fetchmany(_BLOCK), []))
        for name, group in groupby(rows, key=itemgetter(0)):
            if set_digest(item for _, item in group) != name:
                yield Break("item sets that were changed", name)


def _faults(row: ReadRow, head: Head) -> Iterator[Break]:
    name = f"read {row.n} ({row.purpose} of {row.run})"
    if row.n > head.reads + 1:
        yield Break("reads that are missing from the chain", f"read {head.reads + 1}")
    elif row.n <= head.reads:
        yield Break("reads that were inserted into the chain", name)
    elif row.previous != head.hash:
        yield Break("reads that do not follow the read before them", name)
    if hash_of(row) != row.hash:
        yield Break("reads that were changed or moved", name)

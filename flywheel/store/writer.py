"""The writer: one thread, one queue, group commit, acknowledgement after the commit.

Queued batches are written in one transaction: as soon as 1,000 rows are queued, after at most
200 ms, or immediately if a caller waits for the result. The next group is collected during a
commit, so many small batches need few commits. `submit` blocks while the queue is full, which
bounds memory.

A group whose commit fails is rolled back, and its batches are committed one by one with DuckDB's
default memory limit: only the bad batch fails, and its Ack raises BadBatch. If the disk fails or
DuckDB is invalidated, writing stops: the Acks of all queued batches raise StoreFailed, and every
later batch is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flywheel.errors import FlywheelError
from flywheel.store.errors import StoreFailed, failed, refused, stops
from flywheel.store.execute import execute, insert
from flywheel.store.memory import Memory
from flywheel.store.reads.chain import Chain
from flywheel.store.rows.arrow import ArrowBatch, pyarrow
from flywheel.store.rows.known import Known
from flywheel.store.rows.table import Table, utc_now
from flywheel.store.tables.batches import BATCHES, BatchRow
from flywheel.store.tables.reads import READS_CHAIN
from flywheel.store.tables.tables import TABLES

if TYPE_CHECKING:
    import duckdb

GROUP_ROWS = 1_000
GROUP_SECONDS = 0.2
GROUP_BYTES = 32 << 20
MOST_WAITING = 5_000  # rows; about 50 ms of work, which bounds the latency of a commit
MOST_BYTES_WAITING = 64 << 20


class Ack(Future[bool]):
    """The future of one batch: True if it was written, False if the store already had it.

    Waiting for it makes the writer commit immediately. It cannot be cancelled. Callbacks run in the
    writer's thread, so they must not wait for the store.
    """

    def __init__(self, hurry: Callable[[], None]) -> None:
        super().__init__()
        self._hurry = hurry
        self.set_running_or_notify_cancel()

    def result(self, timeout: float | None = None) -> bool:
        """Wait for the result. Raises BadBatch if the store refuses this batch, StoreFailed if it
        cannot write any more."""
        if not self.done():
            self._hurry()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait, and return the exception, None without one."""
        if not self.done():
            self._hurry()
        return super().exception(timeout)

    def add_done_callback(self, fn: Callable[[Future[bool]], object]) -> None:
        """Call `fn` with the result, and commit immediately; `asyncio.wrap_future` uses this."""
        super().add_done_callback(fn)
        if not self.done():
            self._hurry()

    def on_done(self, fn: Callable[[Future[bool]], object]) -> None:
        """Call `fn` with the result, without making the writer commit immediately."""
        super().add_done_callback(fn)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A queued batch: its Arrow batches by table, and its future."""

    batch: str
    tables: Mapping[str, ArrowBatch]
    rows: int
    bytes: int
    ack: Ack


class Writer:
    """The only thread that writes to the store."""

    def __init__(
        self,
        path: Path,
        connection: duckdb.DuckDBPyConnection,
        memory: Memory,
        group_seconds: float = GROUP_SECONDS,
    ) -> None:
        self._path = path
        self._group_seconds = group_seconds
        self._connection = connection
        self._memory = memory
        self._known = Known(connection)
        self._chain = Chain(connection)
        self._change = threading.Condition()
        self._queue: list[Pending] = []
        self._rows = 0
        self._bytes = 0
        self._oldest = 0.0
        self._hurried = False
        self._closing = False
        self._failure: FlywheelError | None = None
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: str, tables: Mapping[str, ArrowBatch]) -> Ack:
        """Queue a batch. Blocks while the queue is full; raises StoreFailed after a failure."""
        rows = sum(part.num_rows for part in tables.values())
        size = sum(part.get_total_buffer_size() for part in tables.values())
        pending = Pending(batch, tables, rows, size, Ack(self._hurry))
        with self._change:
            while self._is_full() and not self._closing and not self._failure:
                self._change.wait()
            if self._failure:
                raise self._failure
            if self._closing:
                raise StoreFailed(f"{self._path}: the store is closed; open it again")
            if not self._queue:
                self._oldest = time.monotonic()
            self._queue.append(pending)
            self._rows += rows
            self._bytes += size
            self._change.notify_all()
        return pending.ack

    def close(self) -> None:
        """Write what is queued, then stop. A second call does nothing."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join()

    def _hurry(self) -> None:
        with self._change:
            self._hurried = True
            self._change.notify_all()

    def _is_full(self) -> bool:
        return self._rows >= MOST_WAITING or self._bytes >= MOST_BYTES_WAITING

    def _work(self) -> None:
        while group := self._take():
            try:
                written = self._commit(group)
            except Exception as error:
                if stops(error):
                    self._stop(group, error)
                else:
                    self._one_by_one(group)
                if self._failure:
                    return
            else:
                for pending in group:
                    pending.ack.set_result(pending in written)

    def _one_by_one(self, group: Sequence[Pending]) -> None:
        """Commit the batches of a failed group one by one."""
        with self._memory.most():
            for pending in group:
                try:
                    written = self._commit([pending])
                except Exception as error:
                    if stops(error):
                        self._stop([one for one in group if not one.ack.done()], error)
                        return
                    failure = refused(pending.batch, error)
                    failure.__cause__ = error
                    pending.ack.set_exception(failure)
                else:
                    pending.ack.set_result(bool(written))

    def _take(self) -> list[Pending]:
        """The next group, as soon as it is due; empty when the store closes."""
        with self._change:
            while not self._is_due():
                due = self._oldest + self._group_seconds - time.monotonic()
                patience = due if self._queue else None
                self._change.wait(patience)
            group, self._queue = self._queue, []
            self._rows, self._bytes, self._hurried = 0, 0, False
            self._change.notify_all()
            return group

    def _is_due(self) -> bool:
        if self._closing or not self._queue:
            return self._closing
        late = time.monotonic() >= self._oldest + self._group_seconds
        large = self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES
        return self._hurried or late or large

    def _commit(self, group: Sequence[Pending]) -> set[Pending]:
        """Write the batches that are new in one transaction, and return which those were."""
        fresh: dict[str, Pending] = {}
        for pending in group:
            fresh.setdefault(pending.batch, pending)
        for batch in self._ledger(list(fresh)):
            del fresh[batch]
        if not fresh:
            return set()
        try:
            parts, ledger = self._as_rows(fresh.values())
            self._connection.begin()
            for name, batches in parts.items():
                self._insert(TABLES[name], batches)
            self._insert(BATCHES, [BATCHES.batch(ledger)])
            self._connection.commit()
        except BaseException:
            self._known.forget_new()
            self._chain.forget_new()
            with suppress(Exception):
                self._connection.rollback()
            raise
        self._known.keep_new()
        self._chain.keep_new()
        return set(fresh.values())

    def _ledger(self, batches: Sequence[str]) -> list[str]:
        """Those of these batches that are in the ledger."""
        marks = ", ".join("?" * len(batches))
        sql = f'SELECT "batch" FROM "batches" WHERE "batch" IN ({marks})'
        return [batch for (batch,) in execute(self._connection, sql, batches).fetchall()]

    def _as_rows(
        self, group: Iterable[Pending]
    ) -> tuple[dict[str, list[ArrowBatch]], list[BatchRow]]:
        """The rows by table, without known definitions, with linked reads and the ledger's rows."""
        parts: dict[str, list[ArrowBatch]] = {}
        ledger: list[BatchRow] = []
        for pending in group:
            rows = 0
            for name, batch in pending.tables.items():
                new = self._known.drop_from(batch, name) if TABLES[name].definition else batch
                new = self._chain.link(new) if name == READS_CHAIN.name else new
                if new.num_rows:
                    parts.setdefault(name, []).append(new)
                    rows += new.num_rows
            ledger.append(BatchRow(pending.batch, rows, utc_now()))
        return parts, ledger

    def _insert(self, table: Table, batches: Sequence[ArrowBatch]) -> None:
        # One chunk, since DuckDB inserts chunks one by one, and many small ones cost twice as much.
        whole = pyarrow().Table.from_batches(batches).combine_chunks()
        self._memory.make_room(table, whole)
        insert(self._connection, table.name, table.quoted, whole)

    def _stop(self, group: Sequence[Pending], error: Exception) -> None:
        """Fail these batches, all that are queued, and every later one."""
        failure = failed(self._path, error)
        failure.__cause__ = error
        with self._change:
            self._failure = failure
            rest, self._queue = self._queue, []
            self._change.notify_all()
        for pending in (*group, *rest):
            pending.ack.set_exception(failure)

"""The store: one process opens it, many threads use it.

    with open_store(Path("flywheel.duckdb")) as store:
        store.write("batch-1", {"samples": [...], "scores": [...]})
        summaries = summarise(store, run)

A batch is atomic, and at most one of each id is written, so sending it again is safe. Acknowledged
batches survive a kill and a power cut. Rows are never changed or removed.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flywheel.store.errors import BadRow, StoreFailed, denied, failed
from flywheel.store.memory import Memory
from flywheel.store.migrations import STEPS, Step, migrate
from flywheel.store.owner import Ownership, own, real_path
from flywheel.store.reader import Reader
from flywheel.store.tables.tables import TABLES
from flywheel.store.writer import Ack, Writer

if TYPE_CHECKING:
    import duckdb

# No query can make DuckDB read or write files other than the store's.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
Rows = Sequence[tuple[Any, ...]]


class Store(Reader):
    """An open store. Use it from any thread; not after a fork."""

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, ownership: Ownership
    ) -> None:
        super().__init__(path, connection)
        self._ownership = ownership
        self._process = os.getpid()
        self._memory = Memory(connection.cursor())
        self._writer = Writer(path, connection.cursor(), self._memory)
        atexit.register(self.close)

    def append(self, batch: str, tables: Mapping[str, Rows]) -> Ack:
        """Queue a batch: rows by table name, and an id that no other batch has.

        The future's result is True once the batch is on disk, or False if the id already exists;
        then nothing is written. It raises BadBatch if DuckDB refuses this batch, and StoreFailed if
        the store cannot be written at all. Raises BadRow if a row does not fit, before anything
        is queued. Blocks while the queue is full, so a coroutine must call it in a thread.
        """
        if os.getpid() != self._process:
            raise StoreFailed(f"{self.path}: opened before a fork; send the batch to its owner")
        unknown = [name for name in tables if name not in TABLES or name == "batches"]
        if unknown or not batch:
            story = f"no table {unknown[0]!r} to write to" if unknown else "a batch needs an id"
            raise BadRow(f"{story}; tables: {', '.join(TABLES)}")
        return self._writer.submit(
            batch, {name: TABLES[name].batch(rows) for name, rows in tables.items() if rows}
        )

    def write(self, batch: str, tables: Mapping[str, Rows]) -> bool:
        """Append a batch and wait until it is on disk."""
        return self.append(batch, tables).result()

    @contextmanager
    def cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """See `Reader.cursor`; the query has its own share of memory until the cursor is closed."""
        with self._memory.operation(), super().cursor() as cursor:
            yield cursor

    def frugal(self) -> AbstractContextManager[None]:
        """Operations in this context get little memory: enough to write, and to summarise a run."""
        return self._memory.frugal()

    def close(self) -> None:
        """Write what is queued and close the file. A second call does nothing."""
        if os.getpid() != self._process:
            return
        atexit.unregister(self.close)
        self._writer.close()
        # Closing writes a checkpoint, which uses as much memory as is allowed.
        with self._memory.frugal():
            self._connection.close()
        self._ownership.give_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def open_store(path: Path, url: str | None = None, steps: Sequence[Step] = STEPS) -> Store:
    """Open a store as its owner, created if missing; `url` is where this process serves it.

    Raises StoreInUse if another process owns it, NewerStore if a newer version wrote it, and
    StoreFailed if it is not a file, is damaged or cannot be written.
    """
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file"
        raise StoreFailed(f"{path}: is {what}; name a database file with --db")
    # DuckDB keeps its log beside the name that it gets; the owner's file is there too.
    path = real_path(path)
    ownership = own(path, url)
    try:
        connection = connect(path)
        try:
            with Reader(path, connection).cursor() as cursor:
                migrate(cursor, path, steps)
            return Store(path, connection, ownership)
        except BaseException:
            connection.close()
            raise
    except BaseException:
        ownership.give_up()
        raise


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection to the file; the caller must own the store.

    It has DuckDB's default memory limit, since a log of any size must be replayed.
    """
    import duckdb

    place = path.absolute()
    if "?" in str(place):
        raise StoreFailed(
            f"{place}: DuckDB keeps no log for a path with a question mark; choose another place"
            " with --db"
        )
    try:
        # Files beside it must be readable, or DuckDB would create an empty database.
        if path.exists():
            path.open("rb").close()
        # DuckDB does not treat a relative `:memory:`, `md:x` or `sqlite:x` as a file.
        return duckdb.connect(place, read_only=read_only, config=_CONFIG)
    except OSError as error:
        raise denied(path, error) from None
    except duckdb.Error as error:
        raise failed(path, error) from error

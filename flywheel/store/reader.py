"""Reading: a cursor per call, so that any thread may ask while the writer writes."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel.store.arrow import ArrowTable
from flywheel.store.errors import StoreFailed, failed, wrong_data

if TYPE_CHECKING:
    import duckdb

Params = Sequence[Any] | Mapping[str, Any]


class Reader:
    """Asks a DuckDB file. Each call sees what was committed when it began."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection
        self._cursors = threading.Lock()

    @contextmanager
    def cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A connection of one's own, for one thread. DuckDB's own failures become StoreFailed,
        and so does what it says of a value that cannot be read.

        What is wrong with a query itself (a name, a type) stays DuckDB's error: it is our mistake.
        """
        import duckdb

        broken = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException)
        more = (duckdb.SerializationException, duckdb.OutOfMemoryException)
        try:
            with self._cursors:
                cursor = self._connection.cursor()
        except duckdb.ConnectionException:
            raise StoreFailed(f"{self.path}: the store is closed; open it again") from None
        try:
            yield cursor
        except (*broken, *more) as error:
            raise failed(self.path, error) from error
        except duckdb.DataError as error:
            raise wrong_data(self.path, error) from error
        except duckdb.InvalidInputException as error:
            if "malformed json" not in str(error).lower():
                raise
            raise wrong_data(self.path, error) from error
        finally:
            cursor.close()

    def query(self, sql: str, params: Params = (), **tables: ArrowTable) -> list[dict[str, Any]]:
        """The rows of an answer. Arrow `tables` can be named in the query."""
        with self.cursor() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            cursor.execute(sql, params)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def arrow(self, sql: str, params: Params = (), **tables: ArrowTable) -> ArrowTable:
        """The answer as an Arrow table: for a million rows, without a Python object for each."""
        import duckdb

        with self.cursor() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            asked: Any = cursor
            # 1.x makes a Python object for each value of a relation that has parameters, and 2.x
            # copies the rows of an executed query; each is fast in the other way.
            if duckdb.__version__.startswith("1."):
                return asked.execute(sql, params).to_arrow_table()
            return asked.sql(sql, params=params or None).to_arrow_table()

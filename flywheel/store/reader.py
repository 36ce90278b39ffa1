"""Reading: one cursor per call, so that any thread can query while the writer writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flywheel.store.errors import StoreFailed, failed, wrong_data
from flywheel.store.execute import Params, execute

if TYPE_CHECKING:
    import duckdb

Row = TypeVar("Row")


class Reader:
    """Queries a DuckDB file. Each call sees what was committed when it started."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection
        self._cursors = threading.Lock()

    @contextmanager
    def cursor(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A connection for one thread. Failures of DuckDB, and values that it cannot read, raise
        StoreFailed.

        An error in the query itself (a name, a type) stays DuckDB's exception: it is our bug.
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

    @contextmanager
    def result(self, sql: str, params: Params = ()) -> Generator[duckdb.DuckDBPyConnection]:
        """The result as DuckDB's relation, for one thread."""
        with self.cursor() as cursor:
            yield execute(cursor, sql, params)

    def query(self, sql: str, params: Params = ()) -> list[dict[str, Any]]:
        """The rows of a result, each as a dict."""
        with self.result(sql, params) as result:
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def rows(self, kind: Callable[..., Row], sql: str, params: Params = ()) -> list[Row]:
        """The rows of a result, each as an object of this type, whose fields are the columns."""
        return [kind(**row) for row in self.query(sql, params)]

    def first(self, kind: Callable[..., Row], sql: str, params: Params = ()) -> Row | None:
        """The first row of a result as such an object, None without rows."""
        return next(iter(self.rows(kind, sql, params)), None)

    def tuples(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """The rows of a result as tuples."""
        return [tuple(row.values()) for row in self.query(sql, params)]

    def values(self, sql: str, params: Params = ()) -> list[Any]:
        """The values of a result with one column."""
        return [value for (value,) in self.tuples(sql, params)]

    def value(self, sql: str, params: Params = ()) -> Any:
        """The only value of a result, None without rows."""
        return next(iter(self.values(sql, params)), None)

    def columns(self, sql: str, params: Params = ()) -> dict[str, Any]:
        """The result as numpy arrays, masked where a column has NULLs.

        Creates no Python object per row, so it suits a million rows.
        """
        with self.result(sql, params) as result:
            return dict(result.fetchnumpy())

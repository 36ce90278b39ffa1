"""Executing SQL with parameters and Arrow rows, without DuckDB's own import of pandas.

DuckDB imports pandas to check whether a parameter or a table is one of its objects, which costs
each command half a second of CPU and is never the case here. So an import of pandas inside such a
call, in the same thread, fails immediately, as if pandas were not installed.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Params = Sequence[Any] | Mapping[str, Any]
_call = threading.local()


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Raise for pandas while this thread is in DuckDB; otherwise leave it to other finders."""
        if fullname == "pandas" and getattr(_call, "active", False):
            raise ModuleNotFoundError("DuckDB does without pandas here", name=fullname)


sys.meta_path.insert(0, _NoPandas())


@contextmanager
def _without_pandas() -> Generator[None]:
    _call.active = True
    try:
        yield
    finally:
        _call.active = False


def as_text(values: Sequence[int] | Sequence[str]) -> str:
    """A long list as one text parameter, which the query splits: DuckDB would check for each
    element whether it is an object of pandas."""
    return json.dumps(list(values))


def execute(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Params
) -> duckdb.DuckDBPyConnection:
    """Like `connection.execute`. The query must not name a registered table.

    Reading one runs code of other libraries, which may need pandas.
    """
    with _without_pandas():
        return connection.execute(sql, params)


def execute_with(
    connection: duckdb.DuckDBPyConnection, sql: str, rows: Any
) -> duckdb.DuckDBPyConnection:
    """Execute a query that reads an Arrow table, or a reader of one, under the name "incoming"."""
    with _without_pandas():
        connection.register("incoming", rows)
    return connection.execute(sql)


def insert(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Any) -> None:
    """Insert these columns of Arrow rows; their names are quoted."""
    sql = f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM "incoming"'
    execute_with(connection, sql, rows)
    connection.unregister("incoming")

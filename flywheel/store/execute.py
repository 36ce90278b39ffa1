"""Executing SQL with parameters, without the import of pandas that DuckDB would do for it.

DuckDB asks of each parameter whether it is pandas' NaT or NA, and imports pandas to know them: half
a second of CPU at each command, for values that ours never are. So an import of pandas that begins
inside such a call, in its own thread, fails at once, as it would where pandas is not installed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Params = Sequence[Any] | Mapping[str, Any]
_call = threading.local()


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Raise for pandas while this thread executes, and find nothing ever."""
        if fullname == "pandas" and getattr(_call, "executing", False):
            raise ModuleNotFoundError("DuckDB does without pandas here", name=fullname)


sys.meta_path.insert(0, _NoPandas())


def execute(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Params
) -> duckdb.DuckDBPyConnection:
    """What `connection.execute` does. No registered table may be named in the query.

    Reading those is Python of other libraries, which may need pandas.
    """
    _call.executing = True
    try:
        return connection.execute(sql, params)
    finally:
        _call.executing = False

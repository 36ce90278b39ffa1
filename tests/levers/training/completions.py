"""The answers of an RFT, read as a user reads them: with DuckDB, from the job's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb


def query(folder: Path, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a query over the table `completions`."""
    files = [str(path) for path in sorted((folder / "completions").glob("*.parquet"))]
    with duckdb.connect() as connection:
        connection.read_parquet(files, union_by_name=True).create_view("completions")
        return connection.execute(sql, parameters or []).fetchall()

"""Invalid values that the SQL types of columns do not exclude.

Scores are not NaN or infinite, and each JSON column has its own shape. The writer ensures this; a
file from another program may hold anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, cast

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table
from flywheel.store.tables.tables import TABLES

# The JSON columns, with DuckDB's name for the type of each.
_JSON = {
    ("evalsets", "definition"): "OBJECT",
    ("items", "item"): "OBJECT",
    ("graders", "definition"): "OBJECT",
    ("prompts", "messages"): "ARRAY",
    ("models", "detail"): "OBJECT",
    ("runs", "sampling"): "OBJECT",
    ("runs", "graders"): "ARRAY",
    ("runs", "tags"): "ARRAY",
    ("samples", "extra"): "OBJECT",
    ("samples", "response"): "OBJECT",
    ("scores", "usage"): "OBJECT",
    ("scores", "judge_reply"): "ARRAY",
    ("reads_chain", "rules"): "OBJECT",
    ("reads_chain", "scoring"): "OBJECT",
    ("floors", "detail"): "OBJECT",
    ("floors", "scores"): "OBJECT",
    ("comparisons", "detail"): "OBJECT",
    ("jobs", "order"): "OBJECT",
    ("job_events", "detail"): "OBJECT",
    ("checkpoints", "metrics"): "OBJECT",
}
_TYPES: dict[str, type] = {"OBJECT": dict, "ARRAY": list}
_BLOCK = 1_000


class Wrong(NamedTuple):
    """A column with unreadable values: the number of rows, and the key of one of them."""

    table: str
    story: str
    rows: int
    example: str


def wrong_values(store: Reader) -> Iterator[Wrong]:
    """The invalid values in the tables, one column at a time."""
    for table in TABLES.values():
        for column in table.columns:
            if column.type in (float, datetime):
                yield from _out_of_range(store, table, column.name, column.type)
    for name, column in _JSON:
        yield from _no_json(store, TABLES[name], column)


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The list of [name, digest] in the column `graders` of a run. Raises ValueError."""
    pairs: list[tuple[str, str]] = []
    for pair in list_of(text):
        match pair:
            case [str(name), str(digest)]:
                pairs.append((name, digest))
            case _:
                raise ValueError("wanted a list of [name, digest]")
    return pairs


def object_of(text: str) -> dict[str, Any]:
    """The object in a JSON column. Raises ValueError."""
    return cast("dict[str, Any]", _loaded(text, "OBJECT"))


def list_of(text: str) -> list[Any]:
    """The list in a JSON column. Raises ValueError."""
    return cast("list[Any]", _loaded(text, "ARRAY"))


def _out_of_range(store: Reader, table: Table, column: str, kind: type) -> Iterator[Wrong]:
    if kind is float:
        where, story = f'NOT isfinite("{column}")', f"rows whose {column} is NaN or infinite"
    else:
        where = f""""{column}" NOT BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31'"""
        story = f"rows whose {column} is no date from the year 1 to 9999"
    (found,) = store.query(
        f'SELECT count(*) AS "n", min({_key(table)}) AS "x" FROM "{table.name}" WHERE {where}'
    )
    if found["n"]:
        yield Wrong(table.name, story, int(found["n"]), str(found["x"]))


def _no_json(store: Reader, table: Table, column: str) -> Iterator[Wrong]:
    """Checked in Python, since DuckDB refuses stored JSON with a lone surrogate.

    A run has few graders, so Python reads each.
    """
    kind = _JSON[table.name, column]
    named = (table.name, column) == ("runs", "graders")
    doubted = (
        "TRUE"
        if named
        else f"""CASE WHEN json_valid("{column}")"""
        f""" THEN json_type("{column}") <> '{kind}' ELSE TRUE END"""
    )
    count, example = 0, ""
    with store.cursor() as cursor:
        cursor.execute(
            f'SELECT {_key(table)}, "{column}" FROM "{table.name}"'
            f' WHERE "{column}" IS NOT NULL AND {doubted}'
        )
        while rows := cursor.fetchmany(_BLOCK):
            for key, text in rows:
                try:
                    pairs_of(text) if named else _loaded(text, kind)
                except ValueError:
                    count, example = count + 1, example or str(key)
    if count:
        shape = "list of [name, digest]" if named else kind.lower()
        yield Wrong(table.name, f"rows whose {column} is no JSON {shape}", count, example)


def _loaded(text: str, kind: str) -> Any:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, _TYPES[kind]):
        raise ValueError(f"wanted a JSON {kind.lower()}")
    return value


def _key(table: Table) -> str:
    return "concat_ws(' ', " + ", ".join(f'"{name}"' for name in table.key) + ")"

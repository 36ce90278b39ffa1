"""A table: a typed row defines its columns, and rows are written as Arrow batches.

The fields of the row (a NamedTuple) give the columns, their types, and which may be NULL. The SQL
types are in `schema/`; a test checks that the two agree. Timestamps are UTC: an aware datetime is
converted, a naive one is assumed to be UTC.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Union, get_args, get_origin, get_type_hints

from flywheel.store.errors import BadRow
from flywheel.store.rows.arrow import ArrowBatch, ArrowSchema, compute, pyarrow

SQL_TYPES: dict[type, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    datetime: "TIMESTAMP",
}
# DuckDB copies a value several times while it writes it; no real answer is this large.
MOST_TEXT = 128 << 20
# A float represents such a count exactly, and the sum of a thousand fits in 64 bits.
MOST_COUNT = 1 << 53
_ARROW_TYPES = {str: "string", int: "int64", float: "double", bool: "bool"}


@dataclass(frozen=True)
class Column:
    """A column: its name, the Python type of its values, and whether it may be NULL."""

    name: str
    type: type
    optional: bool

    @property
    def sql_type(self) -> str:
        """The type's name in DuckDB."""
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table of the store.

    `key` names the columns that identify a row; the database does not enforce it, and `check_store`
    reports violations. A `definition` is stored once per digest. `either` names two columns of
    which exactly one is set in each row. `counts` names the columns with values from 0 to 2**53.
    """

    name: str
    row: type[tuple[Any, ...]]
    key: tuple[str, ...]
    definition: bool = False
    either: tuple[str, str] | None = None
    counts: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of the row's fields."""
        return tuple(_column(name, kind) for name, kind in get_type_hints(self.row).items())

    @cached_property
    def schema(self) -> ArrowSchema:
        """The Arrow schema of its batches."""
        arrow = pyarrow()
        named: dict[type, Any] = {
            kind: arrow.type_for_alias(alias) for kind, alias in _ARROW_TYPES.items()
        }
        named[datetime] = arrow.timestamp("us")
        return arrow.schema(
            [arrow.field(c.name, named[c.type], nullable=c.optional) for c in self.columns]
        )

    @cached_property
    def quoted(self) -> str:
        """The quoted names of all columns, for SELECT and INSERT."""
        return ", ".join(f'"{column.name}"' for column in self.columns)

    @property
    def select(self) -> str:
        """The start of a query for whole rows."""
        return f'SELECT {self.quoted} FROM "{self.name}"'

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The names of the columns that hold text."""
        return tuple(column.name for column in self.columns if column.type is str)

    def batch(self, rows: Sequence[tuple[Any, ...]]) -> ArrowBatch:
        """The rows as one Arrow batch. Raises BadRow if one does not fit."""
        for row in rows:
            if type(row) is not self.row:
                raise BadRow(f"{self.name}: wanted rows of {self.row.__name__}, got {row!r:.200}")
        columns = zip(*rows, strict=True) if rows else [()] * len(self.columns)
        arrays = [
            _array(self, column, values, field.type)
            for column, values, field in zip(self.columns, columns, self.schema, strict=True)
        ]
        if self.either:
            one, other = (arrays[self.schema.names.index(name)] for name in self.either)
            _refuse_both(self, one, other)
        return pyarrow().RecordBatch.from_arrays(arrays, schema=self.schema)


def utc_now() -> datetime:
    """The current time as stored in the tables: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _column(name: str, kind: Any) -> Column:
    if get_origin(kind) in (Union, types.UnionType):
        inner = [option for option in get_args(kind) if option is not type(None)]
        return Column(name, inner[0], optional=True)
    return Column(name, kind, optional=False)


def _array(table: Table, column: Column, values: Sequence[Any], kind: Any) -> Any:
    arrow = pyarrow()
    where = f"{table.name}.{column.name}"
    if column.type is int and float in set(map(type, values)):
        raise BadRow(f"{where}: wanted int values, got a float")
    try:
        array = arrow.array(values, kind)
    except UnicodeEncodeError:
        # A model may return a lone surrogate, which cannot be stored.
        array = arrow.array([_storable(value) for value in values], kind)
    except (arrow.ArrowException, TypeError, OverflowError) as error:
        raise BadRow(f"{where}: wanted {column.type.__name__} values: {error}") from None
    if not isinstance(array, arrow.Array):
        raise BadRow(f"{where}: more than 2 GB of text in one batch; write fewer rows at once")
    if array.null_count and not column.optional:
        raise BadRow(f"{where}: wanted a value in every row, got None")
    if column.type is float and _holds_nan(array):
        raise BadRow(f"{where}: NaN and infinity are no numbers to store; give None and a reason")
    if column.type is str and array.get_total_buffer_size() > MOST_TEXT:
        _refuse_long(where, array)
    if column.name in table.counts:
        _refuse_uncountable(where, values)
    return array


def _refuse_long(where: str, array: Any) -> None:
    longest = compute().max(compute().binary_length(array)).as_py() or 0
    if longest > MOST_TEXT:
        raise BadRow(
            f"{where}: a text of {longest / 1e6:.0f} MB; the store takes at most"
            f" {MOST_TEXT / 1e6:.0f} MB"
        )


def _refuse_uncountable(where: str, values: Sequence[int]) -> None:
    # Python's min and max are faster than a pyarrow call for up to a few hundred values.
    for value in (min(values, default=0), max(values, default=0)):
        if not 0 <= value <= MOST_COUNT:
            raise BadRow(f"{where}: wanted a count from 0 to 2**53, got {value}")


def _storable(value: str | None) -> str | None:
    return None if value is None else value.encode("utf-8", "replace").decode("utf-8")


def _holds_nan(array: Any) -> bool:
    finite = compute().all(compute().is_finite(array)).as_py()
    return finite is False


def _refuse_both(table: Table, one: Any, other: Any) -> None:
    if compute().any(compute().equal(one.is_null(), other.is_null())).as_py():
        first, second = table.either or ("", "")
        raise BadRow(f"{table.name}: wanted either {first} or {second} in each row")

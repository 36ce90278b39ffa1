"""Untrusted Parquet files: how many of their rows may be decoded at once.

A column may store each text once in a dictionary that rows refer to: a kilobyte of rows that refer
to one text of 15 MB decodes to gigabytes. No value is longer than its column's dictionary, whose
size therefore bounds the batch. Not handled: a row with a list that repeats a text many times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from flywheel.store.rows.arrow import ArrowBatch, pyarrow

_MOST_BYTES = 256 << 20
_TEXTS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_DICTIONARY_PAGE = 2
_HEADER_BYTES = 16  # the type of a page and its size, the first fields of a page's header


def batch_rows(path: Path, metadata: Any, most: int) -> int:
    """How many rows of a file, at most `most`, to decode at once. Raises OSError."""
    with path.open("rb") as file:
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        row = max((_longest_row(file, group) for group in groups), default=0)
    return max(1, min(most, _MOST_BYTES // max(row, 1)))


def decoded(batch: ArrowBatch) -> ArrowBatch:
    """The batch with decoded dictionaries, so that its size is the size of its rows."""
    is_dictionary = pyarrow().types.is_dictionary
    columns = [c.dictionary_decode() if is_dictionary(c.type) else c for c in batch.columns]
    return pyarrow().RecordBatch.from_arrays(columns, names=batch.schema.names)


def _longest_row(file: BinaryIO, group: Any) -> int:
    columns = map(group.column, range(group.num_columns))
    return sum(_dictionary_bytes(file, one) for one in columns if one.physical_type in _TEXTS)


def _dictionary_bytes(file: BinaryIO, column: Any) -> int:
    """The decoded size of a column's dictionary; of the whole column if it cannot be read."""
    # The start of the pages, by the same rule as pyarrow.
    starts = (column.data_page_offset, column.dictionary_page_offset or column.data_page_offset)
    file.seek(max(0, min(starts)))
    header = file.read(_HEADER_BYTES)
    kind, at = _field(header, 0)
    size, _ = _field(header, at)
    if kind is None or size is None:
        return max(0, int(column.total_uncompressed_size))
    return size if kind == _DICTIONARY_PAGE else 0


def _field(data: bytes, at: int) -> tuple[int | None, int]:
    """The next field of a Thrift struct, if it is a 32-bit number, and the index after it."""
    if data[at : at + 1] != b"\x15":
        return None, at
    value = shift = 0
    for place in range(at + 1, len(data)):
        value |= (data[place] & 0x7F) << shift
        shift += 7
        if data[place] < 0x80:
            return (value >> 1) ^ -(value & 1), place + 1
    return None, at

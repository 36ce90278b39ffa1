"""Files of rows: JSON lines, a JSON array, CSV, Parquet, and folders of Hugging Face's datasets.

The type is detected by the first bytes or the name. Lines, CSV and Parquet are streamed; a JSON
array is held in memory as text. A location is file:line, or for Parquet and datasets file:row, from
1.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, cast

from flywheel.data.rows.rows import BadLine, parse_row, read_lines
from flywheel.data.rows.shapes import parse_value, shorten
from flywheel.data.rows.training_row import BadRow
from flywheel.document import read_text
from flywheel.errors import BadFile
from flywheel.extras import need
from flywheel.store.upkeep.parquet import batch_rows, decoded

# A cell may contain a whole conversation; the default limit of `csv` is 128 KiB.
_LONGEST_CELL = 64 << 20
# With dictionary encoding, a few hundred rows of Parquet may unpack to gigabytes.
_MOST_PARQUET_ROWS = 50_000_000
_MOST_COLUMN_BYTES = 1 << 30
_MOST_RATIO = 200  # of unpacked to packed size, beyond 16 MB
_MOST_AT_LEAST = 16 << 20
_MOST_BATCH_BYTES = 256 << 20
_PARQUET_BATCH = 64
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Raw(NamedTuple):
    """One row of a file. `text` is its line, if it has its own."""

    where: str
    fields: dict[str, Any]
    text: bytes = b""


def read_raw(path: Path) -> Iterator[Raw | BadRow]:
    """All rows of a file. An invalid row is a BadRow, and does not stop the reading.

    Raises BadFile if the file cannot be read any further.
    """
    if path.is_dir():
        return _datasets(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None
    if head.startswith(_UTF16):
        raise BadFile(f"{path}:1:1: the file is UTF-16; save it as UTF-8")
    suffix = path.suffix.lower()
    if head.startswith(b"PAR1") or suffix in (".parquet", ".pq"):
        return _parquet(path)
    if suffix in (".csv", ".tsv"):
        return _csv(path)
    if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        return _array(path)
    if suffix in (".jsonl", ".ndjson", ".json") or head.lstrip(b"\xef\xbb\xbf \r\n").startswith(
        b"{"
    ):
        return _lines(path)
    raise BadFile(
        f"{path}:1:1: wanted JSON lines, a JSON array, .csv, .tsv, .parquet or a datasets folder,"
        f" got {shorten(head[:20].decode('latin-1'))}"
    )


def _lines(path: Path) -> Iterator[Raw | BadRow]:
    for number, line in read_lines(path):
        try:
            yield Raw(f"{path}:{number}", parse_row(path, number, line, parse_value), line)
        except BadLine as fault:
            yield BadRow(fault.where, fault.story)


def _array(path: Path) -> Iterator[Raw | BadRow]:
    text = read_text(path)
    decoder = json.JSONDecoder()
    at, counted, line = _skip(text, text.index("[") + 1), 0, 1
    while not text.startswith("]", at):
        line, counted = line + text.count("\n", counted, at), at
        try:
            _, end = decoder.raw_decode(text, at)
            value = parse_value(text[at:end])
        except json.JSONDecodeError as error:
            if error.doc is not text:  # its position is relative to the row
                error = json.JSONDecodeError(error.msg, text, at + error.pos)
            raise BadFile(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
        except (ValueError, RecursionError) as error:
            why = "it is nested too deeply to read" if isinstance(error, RecursionError) else error
            raise BadFile(f"{path}:{line}: not JSON: {why}") from None
        if isinstance(value, dict):
            yield Raw(f"{path}:{line}", cast("dict[str, Any]", value))
        else:
            yield BadRow(f"{path}:{line}:1", f"a row is a JSON object, got {shorten(value)}")
        at = _skip(text, end)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif not text.startswith("]", at):
            line += text.count("\n", counted, at)
            raise BadFile(f"{path}:{line}: not JSON: wanted a comma or the end of the array")
    if text[at + 1 :].strip():
        line += text.count("\n", counted, at)
        raise BadFile(f"{path}:{line}: unexpected text after the end of the array")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _csv(path: Path) -> Iterator[Raw | BadRow]:
    lines = _decoded(path)
    first = next(lines, None)
    if first is None:
        return
    csv.field_size_limit(_LONGEST_CELL)
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    start = 1
    try:
        header = [name.strip() for name in next(reader)]
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise BadFile(f"{path}:1: duplicate column {twice[0]!r}")
        start = reader.line_num + 1
        for cells in reader:
            where, start = f"{path}:{start}", reader.line_num + 1
            if len(cells) == len(header):
                yield Raw(where, dict(zip(header, cells, strict=True)))
            elif cells:
                story = f"wanted {len(header)} cells, as in the header, got {len(cells)}"
                yield BadRow(where, story)
    except csv.Error as error:
        raise BadFile(f"{path}:{start}: not CSV: {error}") from None


def _decoded(path: Path) -> Iterator[str]:
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
            except UnicodeDecodeError as error:
                raise BadFile(
                    f"{path}:{number}:{error.start + 1}: byte 0x{line[error.start]:02x} is not"
                    " UTF-8; save the file as UTF-8"
                ) from None


def _parquet(path: Path) -> Iterator[Raw | BadRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken: tuple[type[Exception], ...] = (cast("Any", pa).ArrowException, OSError, ValueError)
    number = near = size = 0  # `size` is that of the last `near` rows
    try:
        with cast("Any", pq).ParquetFile(path) as file:
            _check_size(path, file.metadata)
            rows = batch_rows(path, file.metadata, _PARQUET_BATCH)
            for batch in map(decoded, file.iter_batches(batch_size=rows)):
                near, size = near + len(batch), size + batch.nbytes
                if size > _MOST_BATCH_BYTES:
                    raise BadFile(
                        f"{path}:{number + 1}: {near} rows of {size >> 20} MiB; the limit for"
                        f" {_PARQUET_BATCH} rows is {_MOST_BATCH_BYTES >> 20} MiB"
                    )
                if near >= _PARQUET_BATCH:
                    near = size = 0
                for fields in batch.to_pylist():
                    number += 1
                    yield Raw(f"{path}:{number}", fields)
    except broken as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadFile(f"{path}: cannot be read as Parquet: {first}") from None


def _check_size(path: Path, metadata: Any) -> None:
    """Raise BadFile if the file's metadata exceeds the limits."""
    if metadata.num_rows > _MOST_PARQUET_ROWS:
        raise BadFile(
            f"{path}: {metadata.num_rows:,} rows; the limit is {_MOST_PARQUET_ROWS:,}. Split the"
            " file"
        )
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    sizes = [g.column(n).total_uncompressed_size for g in groups for n in range(g.num_columns)]
    most = max(_MOST_AT_LEAST, _MOST_RATIO * path.stat().st_size)
    if sum(sizes) > most or max(sizes, default=0) > _MOST_COLUMN_BYTES or min(sizes, default=0) < 0:
        raise BadFile(
            f"{path}: unpacks to {sum(sizes) / 1e6:,.0f} MB, a column of a row group to"
            f" {max(sizes) / 1e6:,.0f} MB; the limits are {most / 1e6:,.0f} MB"
            f" ({_MOST_RATIO} times the file) and {_MOST_COLUMN_BYTES / 1e6:,.0f} MB"
        )


def _datasets(path: Path) -> Iterator[Raw | BadRow]:
    need("datasets", user=f"{path}: a folder")
    import datasets

    try:
        loaded = cast("Any", datasets).load_from_disk(str(path))
    except Exception as error:
        # The library raises the errors of the file system, Arrow or JSON.
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadFile(f"{path}: datasets cannot load this folder: {first}") from None
    if isinstance(loaded, dict):
        splits = ", ".join(cast("dict[str, Any]", loaded))
        raise BadFile(f"{path} has the splits {splits}; name one of them: {path}/SPLIT")
    for number, fields in enumerate(loaded, 1):
        yield Raw(f"{path}:{number}", fields)

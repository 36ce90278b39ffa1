"""Files that stand for far more than they hold are refused before they fill the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from flywheel.data.rows.rows import MOST_LINE, read_lines
from flywheel.data.rows.sources import read_raw
from flywheel.errors import BadFile
from flywheel.store.upkeep.parquet import batch_rows

arrow: Any = pyarrow
parquet: Any = pyarrow.parquet


def test_a_parquet_file_of_a_kilobyte_is_not_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    text = arrow.DictionaryArray.from_arrays(
        arrow.array([0] * 1_000, arrow.int32()), arrow.array(["x" * 20_000_000])
    )
    parquet.write_table(arrow.table({"prompt": text}), path, compression="zstd")
    assert path.stat().st_size < 5_000
    with pytest.raises(BadFile, match=r"unpacks to 20 MB.*the limits are 17 MB"):
        list(read_raw(path))


def test_a_parquet_file_that_repeats_itself_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(arrow.table({"prompt": ["hello"] * 5_000}), path, compression="zstd")
    assert len(list(read_raw(path))) == 5_000


def dictionary_of(tmp_path: Path, size: int, rows: int) -> Path:
    """A file whose rows all name one text of this size."""
    path = tmp_path / "rows.parquet"
    text = arrow.DictionaryArray.from_arrays(
        arrow.array([0] * rows, arrow.int32()), arrow.array(["x" * size])
    )
    parquet.write_table(arrow.table({"prompt": text, "n": [1] * rows}), path, compression="zstd")
    return path


@pytest.mark.parametrize(("size", "rows"), [(0, 64), (4_000_000, 64), (8_000_000, 33)])
def test_rows_are_unpacked_as_many_at_once_as_fit(tmp_path: Path, size: int, rows: int) -> None:
    path = dictionary_of(tmp_path, size, 100)
    with parquet.ParquetFile(path) as file:
        assert batch_rows(path, file.metadata, 64) == rows


def test_rows_that_unpack_beyond_the_limit_are_refused_before_all_of_them_are(
    tmp_path: Path,
) -> None:
    path = dictionary_of(tmp_path, 15_000_000, 64)
    before = arrow.default_memory_pool().max_memory()
    with pytest.raises(BadFile, match=r"rows\.parquet:18: 34 rows of 486 MiB; the limit for 64"):
        list(read_raw(path))
    # All 64 rows take 960 MB, twice while they are put together.
    assert arrow.default_memory_pool().max_memory() < max(before, 900_000_000)


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a": 1}\n')
        file.truncate(2 * MOST_LINE)
    with pytest.raises(BadFile, match=r"rows\.jsonl:2:1: the line is longer than 256 MiB"):
        list(read_lines(path))

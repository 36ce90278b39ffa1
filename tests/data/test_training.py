"""Training files: every kind of file gives the same rows, and hostile ones a place."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from flywheel.data.rows.training import read_training
from flywheel.data.rows.training_row import BadRow
from flywheel.errors import BadFile

ROWS: list[dict[str, Any]] = [
    {"instruction": "Say it.", "input": "", "output": 'one "quoted",\nand a second line'},
    {"instruction": "Add.", "input": "2 2", "output": "4"},
]
CHAT: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    {"messages": [{"role": "user", "content": "ü"}, {"role": "assistant", "content": "c"}]},
]


def to_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def to_array(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=1))


def to_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()})


def to_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cast("Any", pq).write_table(cast("Any", pa).Table.from_pylist(rows), path)


def to_datasets(path: Path, rows: list[dict[str, Any]]) -> None:
    import datasets

    cast("Any", datasets).disable_progress_bars()
    cast("Any", datasets).Dataset.from_list(rows).save_to_disk(str(path))


WRITERS: list[tuple[str, Callable[[Path, list[dict[str, Any]]], None]]] = [
    ("t.jsonl", to_lines),
    ("t.json", to_array),
    ("t.csv", to_csv),
    ("t.parquet", to_parquet),
    ("folder", to_datasets),
]


@pytest.mark.parametrize(("name", "save"), WRITERS, ids=[name for name, _ in WRITERS])
@pytest.mark.parametrize("rows", [ROWS, CHAT], ids=["alpaca", "chat"])
def test_every_kind_of_file_gives_the_same_rows(
    tmp_path: Path, name: str, save: Any, rows: list[dict[str, Any]]
) -> None:
    save(tmp_path / name, rows)
    to_lines(tmp_path / "plain.jsonl", rows)
    wanted = [row.messages for row in read_training(tmp_path / "plain.jsonl").rows]
    assert [row.messages for row in read_training(tmp_path / name).rows] == wanted


def test_rows_are_read_again_each_time(tmp_path: Path) -> None:
    to_lines(tmp_path / "t.jsonl", ROWS)
    training = read_training(tmp_path / "t.jsonl")
    assert list(training.rows) == list(training.rows)


def test_a_place_is_the_line_where_the_row_begins(tmp_path: Path) -> None:
    to_csv(tmp_path / "t.csv", ROWS)
    lines = [row.where.rpartition(":")[2] for row in read_training(tmp_path / "t.csv").rows]
    assert lines == ["2", "4"]
    (tmp_path / "t.json").write_text('[\n{"text": "a"},\n\n{"text":\n "b"}, {"text": "c"}\n]\n')
    lines = [row.where.rpartition(":")[2] for row in read_training(tmp_path / "t.json").rows]
    assert lines == ["2", "4", "5"]


def test_a_broken_line_hides_none_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text": \r\n{"text": "\xff"}\n[1]\n{"text": "b"}'
    )
    rows = list(read_training(path).read())
    assert [row.where for row in rows] == [
        f"{path}:{place}" for place in ("1", "3:10", "4:11", "5:1", "6")
    ]
    bad = [row.story for row in rows if isinstance(row, BadRow)]
    assert bad == [
        "not JSON: Expecting value",
        "byte 0xff is not UTF-8",
        "a row is a JSON object, got [1]",
    ]


@pytest.mark.parametrize("line", [f'{{"text": "{"x" * 2_000_000}"}}', '{"text": "a\\u0000b"}'])
def test_long_lines_and_escaped_nuls_are_text(tmp_path: Path, line: str) -> None:
    (tmp_path / "t.jsonl").write_text(line)
    (row,) = read_training(tmp_path / "t.jsonl").rows
    assert row.text == json.loads(line)["text"]


def test_rows_nest_two_hundred_levels_and_no_more(tmp_path: Path) -> None:
    for levels, good in ((100, True), (199, True), (201, False), (100_000, False)):
        deep = "[" * levels + "]" * levels
        array = f'[{{"text": "b", "x": {deep}}}]'
        for text in (f'{{"text": "a"}}\n{array[1:-1]}', array):
            path = tmp_path / "t.jsonl"
            path.write_text(text)
            if good:
                assert list(read_training(path).rows)[-1].text == "b"
                continue
            with pytest.raises(BadFile, match=r"t\.jsonl:\d.*not JSON: .*nested"):
                list(read_training(path).rows)


@pytest.mark.parametrize(
    ("name", "data", "story"),
    [
        ("t.jsonl", '{"text": "a"}'.encode("utf-16"), ":1:1: the file is UTF-16; save it as UTF-8"),
        ("t.jsonl", b"hello\n", ":1:1: not JSON: Expecting value"),
        ("t.jsonl", b'{"text": "a\x00b"}', ":1:12: not JSON: Invalid control character"),
        ("t.txt", b"hello\n", ":1:1: wanted JSON lines, a JSON array, .csv, .tsv, .parquet or"),
        ("t.json", b'[{"text": "a"} {"text": "b"}]', ":1: not JSON: wanted a comma"),
        ("t.json", b'[{"text": "a"},\n {"text": }]', ":2:11: not JSON: Expecting value"),
        ("t.json", b'[{"text": "a"}', ":1: not JSON: wanted a comma or the end"),
        ("t.json", b'[{"text": "a"}] x', ":1: unexpected text after the end"),
        ("t.json", b'[{"text": NaN}]', ":1: not JSON: NaN is not JSON"),
        ("t.json", b"[]", ": has no rows"),
        ("t.json", b'[{"text": "\xe4"}]', ":1:12: byte 0xe4 is not UTF-8"),
        ("t.csv", b'text\n"a\nb\n', ":2: not CSV: unexpected end of data"),
        ("t.csv", b"text,topic\na\n", ":2: wanted 2 cells, as in the header, got 1"),
        ("t.csv", b"text,text\na,b\n", ":1: duplicate column 'text'"),
        ("t.csv", b"text\n\xff\n", ":2:1: byte 0xff is not UTF-8"),
        ("t.csv", b"a,b\n1,2\n", ":2: no format has the keys a, b; wanted one of dpo"),
        ("t.csv", b"", ": has no rows"),
        ("t.parquet", b"PAR1 and then nothing", ": cannot be read as Parquet: "),
        ("t.parquet", b"", ": cannot be read as Parquet: "),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, data: bytes, story: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadFile) as refused:
        list(read_training(tmp_path / name).rows)
    assert str(refused.value).startswith(f"{tmp_path / name}{story}")


def test_wrong_columns_and_nulls_of_parquet_are_named(tmp_path: Path) -> None:
    to_parquet(tmp_path / "t.parquet", [{"question": "a"}])
    with pytest.raises(BadFile, match=r"t.parquet:1: no format has the keys question"):
        read_training(tmp_path / "t.parquet")
    to_parquet(tmp_path / "t.parquet", [ROWS[1], {**ROWS[1], "output": None}])
    with pytest.raises(BadFile, match=r"t.parquet:2: alpaca needs output; the row has: instr"):
        list(read_training(tmp_path / "t.parquet").rows)


def test_a_folder_that_datasets_cannot_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="datasets cannot load this folder"):
        read_training(tmp_path)
    import datasets

    part = cast("Any", datasets).Dataset.from_list(ROWS)
    cast("Any", datasets).DatasetDict(train=part, test=part).save_to_disk(str(tmp_path / "both"))
    with pytest.raises(BadFile, match="has the splits train, test; name one of them"):
        read_training(tmp_path / "both")
    assert len(list(read_training(tmp_path / "both" / "train").rows)) == 2


@pytest.mark.parametrize("mark", [";", "\t", ","])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, mark: str) -> None:
    text = f"\ufeffinstruction{mark}output\r\na{mark}b\r\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    (row,) = read_training(tmp_path / "t.csv").rows
    assert [turn.text for turn in row.messages] == ["a", "b"]


def test_a_cell_may_hold_two_megabytes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\n" + "x" * 2_000_000 + "\n")
    (row,) = read_training(tmp_path / "t.csv").rows
    assert len(row.text) == 2_000_000

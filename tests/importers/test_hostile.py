"""Logs that were made to harm, or were harmed: one clear line, and never much memory."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile
from flywheel.importers.formats.archive import open_archive
from flywheel.importers.formats.inspect_ai import read_inspect
from flywheel.importers.formats.promptfoo import read_promptfoo
from flywheel.importers.verdict import Naming, Verdict
from flywheel.store.rows.arrow import pyarrow

REAL = Path(__file__).parent / "logs" / "inspect-a.eval"


def log(**sample: Any) -> dict[str, Any]:
    """The least that is a log of inspect_ai, with one sample."""
    given = {"id": "q", "epoch": 1, "input": "?", "scores": {"s": {"value": 1}}, **sample}
    return {"status": "success", "eval": {"task": "t", "model": "m"}, "samples": [given]}


def inspected(tmp_path: Path, value: Any, text: str | None = None) -> list[Verdict]:
    """The verdicts in that log."""
    path = tmp_path / "log.json"
    path.write_text(json.dumps(value) if text is None else text)
    return list(read_inspect(path, Naming(group="g")))


@pytest.mark.parametrize(
    ("value", "score", "passed"),
    [
        ("C", 1.0, True),
        ("I", 0.0, False),
        ("P", 0.5, False),
        ("N", 0.0, False),
        (True, 1.0, True),
        ("yes", 1.0, True),
        ("False", 0.0, False),
        ("0.25", 0.25, False),
        (0.5, 0.5, True),
        (7, 7.0, None),
        ("banana", None, None),
        ("nan", None, None),
        (None, None, None),
        (float("nan"), None, None),
        (float("inf"), None, None),
        ({"a": {"b": 1}}, None, None),
        ([[1]], None, None),
    ],
)
def test_values_of_inspect(
    tmp_path: Path, value: Any, score: float | None, passed: bool | None
) -> None:
    (found,) = inspected(tmp_path, log(scores={"s": {"value": value}}))
    assert (found.score, found.passed) == (score, passed)
    assert (found.error is None) is (score is not None)


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ({"epoch": 0}, "epoch: wanted a whole number from 1"),
        ({"epoch": 2**70}, "epoch: wanted a whole number"),
        ({"id": None}, "id: this field is missing"),
        ({"id": 1.5}, "id: wanted text, got 1.5"),
        ({"scores": []}, "scores: wanted an object, got []"),
        ({"scores": {"s": 1}}, "scores.s: wanted an object, got 1"),
        ({"scores": {"": {"value": 1}}}, "the grader's name '' is too long"),
        ({"output": {"completion": 3}}, "output.completion: wanted text, got 3"),
        ({"model_usage": {"m": {"input_tokens": -1}}}, "input_tokens: wanted a whole number of 0"),
        ({"total_time": -1}, "total_time: wanted 0 or more"),
        ({"input": [1]}, "input[0]: wanted an object, got 1"),
        ({"metadata": {"g": [1]}}, "metadata.g: wanted text, got [1]"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(
    tmp_path: Path, sample: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadFile) as refusal:
        inspected(tmp_path, log(**sample))
    assert told in str(refusal.value) and "log.json.samples[0]" in str(refusal.value)


def test_a_number_beyond_all_numbers_is_no_score(tmp_path: Path) -> None:
    text = json.dumps(log()).replace('"value": 1', '"value": 1e999')
    with pytest.raises(BadFile, match=r"scores\.s\.value: wanted a finite number, got Infinity"):
        inspected(tmp_path, None, text)


def test_an_unfinished_log_is_refused_and_an_invalid_sample_ungraded(tmp_path: Path) -> None:
    with pytest.raises(
        BadFile, match=r"'cancelled', and the missing samples .* inspect eval-retry"
    ):
        inspected(tmp_path, {**log(), "status": "cancelled"})
    (found,) = inspected(tmp_path, log(invalidation={"author": "me"}))
    assert (found.grader, found.error) == (None, "the sample was invalidated")


def zipped(path: Path, data: bytes, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip that holds these bytes as its header."""
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("header.json", data, compresslevel=1)
    return path


def test_a_zip_bomb_is_left_where_it_is(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.eval", bytes(257 << 20))
    assert path.stat().st_size < 2 << 20
    with pytest.raises(BadFile, match=r"header\.json: unpacks to more than 256 MB"):
        list(read_inspect(path, Naming()))


def test_a_bomb_in_zstandard_is_one_too(tmp_path: Path) -> None:
    bomb = bytes(pyarrow().Codec("zstd").compress(bytes(257 << 20)))
    path = zipped(tmp_path / "bomb.eval", bomb, zipfile.ZIP_STORED)
    # Stored, but said to be Zstandard: at 8 of the header and at 10 of the directory.
    data = bytearray(path.read_bytes())
    data[8], data[data.rindex(b"PK\x01\x02") + 10] = 93, 93
    path.write_bytes(data)
    with pytest.raises(BadFile, match=r"header\.json: unpacks to more than 256 MB"):
        list(read_inspect(path, Naming()))


def test_zstandard_in_many_frames_is_read_to_its_end(tmp_path: Path) -> None:
    codec = pyarrow().Codec("zstd")
    frames = b"".join(bytes(codec.compress(part)) for part in (b"a" * 9, b"", b"b" * 9))
    path = zipped(tmp_path / "frames.eval", frames, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[8], data[data.rindex(b"PK\x01\x02") + 10] = 93, 93
    at, crc = data.rindex(b"PK\x01\x02") + 16, zlib.crc32(b"a" * 9 + b"b" * 9)
    data[at : at + 4] = crc.to_bytes(4, "little")
    path.write_bytes(data)
    with open_archive(path) as archive:
        assert archive.read("header.json") == b"a" * 9 + b"b" * 9


def test_many_files_may_not_unpack_to_too_much_together() -> None:
    with open_archive(REAL) as archive:
        archive.left = 3_000
        archive.read("header.json")
        with pytest.raises(BadFile, match="unpacks to more than"):
            archive.read("summaries.json")


def test_every_cut_and_every_flip_is_one_line(tmp_path: Path) -> None:
    whole, path = REAL.read_bytes(), tmp_path / "cut.eval"
    damaged = [whole[: len(whole) * n // 12] for n in range(12)]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 331)
    ]
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            list(read_inspect(path, Naming()))
        except BadFile as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert refused > len(damaged) // 2


@pytest.mark.parametrize("depth", [100, 500, 900, 980, 990, 995, 2_000])
def test_deep_variables_are_kept_or_refused(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "results.json"
    deep = "[" * depth + "]" * depth
    path.write_text(
        '{"config": {"description": "d"}, "results": {"version": 3, "prompts":'
        ' [{"provider": "p", "raw": "r"}], "results": [{"promptIdx": 0, "score": 1,'
        f' "success": true, "testCase": {{"vars": {{"v": {deep}}}, "assert": {deep}}}}}]}}}}'
    )
    try:
        assert len(list(read_promptfoo(path, Naming()))) == 1
    except BadFile as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("read", [read_inspect, read_promptfoo])
def test_a_key_given_twice_is_refused_with_its_place(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "log.json"
    path.write_text('{"status": "success",\n "eval": {"task": "a", "task": "b"}}')
    with pytest.raises(BadFile, match=r"log\.json:2:24: not JSON: the key 'task' is given twice"):
        list(read(path, Naming()))


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_that_unpacks_by_the_gigabyte_is_refused(tmp_path: Path, kind: int) -> None:
    path = zipped(tmp_path / "log.eval", b"{}", kind)
    with pytest.raises(BadFile, match=r"header\.json: compression method 1[24]; wanted Zstandard"):
        list(read_inspect(path, Naming()))


def test_a_name_that_is_no_utf8_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("é.json", b"{}")
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(BadFile, match=r"log\.eval: not a log of inspect_ai: 'utf-8' codec"):
        list(read_inspect(path, Naming()))

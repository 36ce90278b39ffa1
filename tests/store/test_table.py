"""Rows that fit their tables, and rows that do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from flywheel.store.errors import BadRow
from flywheel.store.store import open_store
from flywheel.store.tables.tables import TABLES
from tests.store.rows import NOON, run, sample, score, ungraded


@pytest.mark.parametrize(
    ("table", "row", "story"),
    [
        ("samples", score("r", 0), "wanted rows of SampleRow, got ScoreRow"),
        ("samples", sample("r", 0, item=None), "samples.item: wanted a value in every row"),
        (
            "samples",
            sample("r", 0)._replace(repeat=cast("Any", "one")),
            "samples.repeat: wanted int",
        ),
        ("samples", sample("r", 0, prompt_tokens=2**70), "samples.prompt_tokens: wanted int"),
        ("samples", sample("r", 0, output_text=5), "samples.output_text: wanted str"),
        ("scores", score("r", 0, score=float("nan")), "scores.score: NaN and infinity"),
        ("scores", score("r", 0, score=float("inf")), "scores.score: NaN and infinity"),
        ("scores", score("r", 0, score=None), "wanted either score or error_kind"),
        ("scores", ungraded("r", 0, score=0.0), "wanted either score or error_kind"),
        ("batches", score("r", 0), "no table 'batches' to write to"),
        ("wishes", score("r", 0), "no table 'wishes' to write to; tables: evalsets, items"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(
    tmp_path: Path, table: str, row: tuple[Any, ...], story: str
) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        with pytest.raises(BadRow, match=story):
            store.append("b", {"samples": [sample("r", 1)], table: [row]})
        assert store.write("b", {"samples": [sample("r", 1)]}), "nothing of it was written"


def test_a_batch_without_an_id_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store, pytest.raises(BadRow, match="needs an id"):
        store.append("", {"samples": [sample("r", 1)]})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("a\x00b", "a\x00b"),
        ("日本 🎉 'quoted' \"twice\"\n", "日本 🎉 'quoted' \"twice\"\n"),
        ("half a pair \ud83d", "half a pair ?"),  # no text that can be stored
        ("x" * 1_000_000, "x" * 1_000_000),
    ],
    ids=["empty", "zero byte", "unicode", "surrogate", "long"],
)
def test_an_answer_comes_back_as_it_was(tmp_path: Path, text: str, kept: str) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("b", {"samples": [sample("r", 0, output_text=text)]})
        assert store.query('SELECT "output_text" FROM "samples"') == [{"output_text": kept}]


@pytest.mark.parametrize(
    "created",
    [
        NOON,
        NOON.replace(tzinfo=UTC),
        datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=["naive", "UTC", "an hour east"],
)
def test_timestamps_are_utc(tmp_path: Path, created: datetime) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("b", {"runs": [run("r", created=created)]})
        assert store.query('SELECT "created" FROM "runs"') == [{"created": NOON}]


def test_every_column_comes_back(tmp_path: Path) -> None:
    row = sample("r", 0, extra="{}", error="timeout", truncated=True, price=0.5, cached=True)
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("b", {"samples": [row], "scores": []})
        found = store.query(f'SELECT {TABLES["samples"].quoted} FROM "samples"')
    assert type(row)(**found[0]) == row

"""A batch that the store cannot take costs itself: others are written before, beside and after."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flywheel.errors import FlywheelError
from flywheel.store.errors import BadBatch, BadRow, BrokenStore, failed
from flywheel.store.rows.table import MOST_TEXT
from flywheel.store.store import Store, open_store
from flywheel.store.tables.runs import find_run
from flywheel.store.tables.samples import load_cost
from flywheel.store.upkeep.check import check_store
from tests.store.rows import item, sample, whole


def count(store: Store, table: str) -> int:
    return int(store.query(f'SELECT count(*) AS "n" FROM "{table}"')[0]["n"])


def test_a_refused_batch_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        with store.cursor() as cursor:
            cursor.execute('CREATE UNIQUE INDEX "one" ON "samples" ("key")')
        keys = [*"abcab", "d"]
        acks = [
            store.append(f"b{i}", {"samples": [sample("r", i, key=key)]})
            for i, key in enumerate(keys)
        ]
        errors = [ack.exception() for ack in acks]
        assert [type(error) for error in errors] == [type(None)] * 3 + [BadBatch] * 2 + [type(None)]
        assert "batch b3: refused by the store" in str(errors[3])
        assert "onstraint" in str(errors[3])
        assert store.write("later", {"samples": [sample("r", 9)]})
    with open_store(path) as store:
        assert (count(store, "samples"), count(store, "batches")) == (5, 5)
        assert store.write("b5", {"samples": [sample("r", 5)]}) is False


def test_a_definition_without_a_digest_costs_its_batch(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        bad = store.append("bad", {"items": [item(0)._replace(digest="no digest")]})
        good = store.append("good", {"items": [item(1)]})
        assert isinstance(bad.exception(), BadBatch)
        assert good.result() is True
        assert store.write("again", {"items": [item(0)]})
        assert count(store, "items") == 2


def test_a_definition_beside_a_bad_one_is_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        good = store.append("good", {"items": [item(1)]})
        bad = store.append("bad", {"items": [item(0)._replace(digest="no digest")]})
        assert isinstance(bad.exception(), BadBatch)
        assert good.result() is True
        assert count(store, "items") == 1


def test_a_huge_answer_is_written_while_a_run_is_frugal(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    huge = sample("r", 0, output_text=os.urandom(20_000_000).hex())
    with open_store(path) as store, store.frugal():
        store.write("before", {"samples": [sample("r", 1)]})
        assert store.write("huge", {"samples": [huge]})
        with store.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        assert store.write("after", {"samples": [sample("r", 2)]})
    with open_store(path) as store, store.frugal():
        assert store.write("again", {"samples": [sample("r", 1, 1)]})
        (found,) = store.query('SELECT max(strlen("output_text")) AS "n" FROM "samples"')
        assert found["n"] == 40_000_000
    assert check_store(path).rows["samples"] == 4


def test_many_long_answers_are_written_while_a_run_is_frugal(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store, store.frugal():
        for number in range(3):
            rows = [
                sample("r", i, number, output_text=os.urandom(50_000).hex()) for i in range(200)
            ]
            assert store.write(f"b{number}", {"samples": rows})
    assert check_store(path).rows["samples"] == 600


def test_a_text_beyond_the_limit_is_refused_at_the_door(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        with pytest.raises(BadRow, match=r"output_text: a text of 134 MB; the store takes at most"):
            store.append("b", {"samples": [sample("r", 0, output_text="x" * (MOST_TEXT + 1))]})
        assert store.write("b", {"samples": [sample("r", 0)]})


@pytest.mark.parametrize("column", ["prompt_tokens", "completion_tokens", "cached_tokens"])
@pytest.mark.parametrize("value", [-1, 2**53 + 1, 2**63 - 1, 2**63, 1.5, "12", 10**400])
def test_a_count_that_cannot_be_is_refused(tmp_path: Path, column: str, value: Any) -> None:
    with (
        open_store(tmp_path / "s.duckdb") as store,
        pytest.raises(BadRow, match=rf"samples\.{column}: wanted"),
    ):
        store.append("b", {"samples": [sample("r", 0, **{column: value})]})


def test_a_store_with_impossible_counts_opens_adds_up_and_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("b", whole("r"))
        with store.cursor() as cursor:
            cursor.execute(f'UPDATE "samples" SET "prompt_tokens" = {2**63 - 1}')
        run = find_run(store, "r")
        assert run and load_cost(store, run.run).prompt_tokens == 4 * (2**63 - 1)
    (finding,) = check_store(path).findings
    assert (finding.table, finding.count) == ("samples", 4)
    assert "impossible count" in finding.story


@pytest.mark.parametrize(
    ("error", "kind", "story"),
    [
        (duckdb.IOException("No space left on device"), "StoreFailed", "the disk is full"),
        (duckdb.IOException("Corrupt database file"), "BrokenStore", "damaged"),
        (duckdb.IOException("Could not set lock on file"), "StoreInUse", "has it open"),
        (duckdb.FatalException("something new"), "StoreFailed", "DuckDB stopped"),
        (RuntimeError("something new"), "StoreFailed", "DuckDB stopped"),
        (duckdb.OutOfMemoryException("Out of Memory Error"), "StoreFailed", "not enough memory"),
    ],
)
def test_only_damage_is_called_damage(error: Exception, kind: str, story: str) -> None:
    told = failed(Path("s.duckdb"), error)
    assert (type(told).__name__, isinstance(told, FlywheelError)) == (kind, True)
    assert story in str(told)
    assert isinstance(told, BrokenStore) == ("damaged" in str(told))

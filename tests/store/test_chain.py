"""The chain of reads: linked in the order of the commits, and every break of it is named."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flywheel.evals.decision.sealed_reads import look_number, read_by, rules_json
from flywheel.store.errors import BadBatch
from flywheel.store.reads.item_sets import keep_item_set
from flywheel.store.store import connect, open_store
from flywheel.store.tables.decisions import ComparisonRow
from flywheel.store.tables.reads import Head, Read, ReadRow, chain_head, hash_of, read_of
from flywheel.store.tables.runs import find_run
from flywheel.store.upkeep.check import check_store
from tests.store.older import OldRead, write_older
from tests.store.rows import NOON, baseline, event, item, item_digest, run, whole

CHANGED = "reads that were changed or moved"
INSERTED = "reads that were inserted into the chain"
MISSING = "reads that are missing from the chain"
UNLINKED = "reads that do not follow the read before them"
UNREAD = "runs on a sealed split without their read"
ELSE = "reads of what their runs are not"
LOST = "runs without their prompt"
LEDGER = "the ledger lists"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with five reads of two runs on a test split."""
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        for name in "ab":
            rows = whole(name)
            rows["runs"] = [run(name, split="test")]
            store.write(name, rows)
        for number, name in enumerate("aabba"):
            row = run(name, split="test")
            items = keep_item_set(store, [item_digest(0), item_digest(1)])
            read = read_of(row, "compare", Read(name, items, "{}"), NOON)
            assert store.write(f"read-{number}", {"reads_chain": [read]})
    assert check_store(path).findings == []
    return path


def rows_of(path: Path) -> list[ReadRow]:
    with open_store(path) as store:
        return [ReadRow(**row) for row in store.query('FROM "reads_chain" ORDER BY "n"')]


@pytest.mark.parametrize(
    ("damage", "stories"),
    [
        ("""UPDATE "reads_chain" SET "run" = 'b' WHERE "n" = 2""", {CHANGED: "read 2 "}),
        ("""UPDATE "reads_chain" SET "at" = '2020-01-01' WHERE "n" = 5""", {CHANGED: "read 5 "}),
        ('DELETE FROM "reads_chain" WHERE "n" = 3', {MISSING: "read 3", LEDGER: ""}),
        ('DELETE FROM "reads_chain" WHERE "n" = 5', {LEDGER: ""}),
        (
            """DELETE FROM "reads_chain" WHERE "run" = 'b'""",
            {MISSING: "read 3", UNREAD: "b", LEDGER: ""},
        ),
        (
            'INSERT INTO "reads_chain" FROM "reads_chain" WHERE "n" = 2',
            {INSERTED: "read 2 ", LEDGER: "", "rows that are there twice": "2"},
        ),
        ('UPDATE "reads_chain" SET "n" = 7 - "n" WHERE "n" IN (3, 4)', {CHANGED: "read 3 "}),
        ("""UPDATE "item_sets" SET "item" = 'x' || "item\"""", {"item sets that were changed": ""}),
        ('DELETE FROM "item_sets"', {"reads without their item set": "read 1", LEDGER: ""}),
        ("""UPDATE "runs" SET "split" = 'dev' WHERE "run" = 'b'""", {ELSE: "read 3"}),
        ("""UPDATE "runs" SET "split_digest" = 'x' WHERE "run" = 'b'""", {ELSE: "read 3"}),
        (
            """UPDATE "runs" SET "prompt_digest" = 'x' WHERE "run" = 'b'""",
            {ELSE: "read 3", LOST: ""},
        ),
    ],
)
def test_what_was_done_to_the_chain_is_named(
    path: Path, damage: str, stories: dict[str, str]
) -> None:
    connection = connect(path)
    connection.execute(damage)
    connection.close()
    found = {finding.story: finding.example for finding in check_store(path).findings}
    for story, example in stories.items():
        (told,) = [text for name, text in found.items() if name.startswith(story)]
        assert told.startswith(example)
    assert {name for name in found if not name.startswith(tuple(stories))} <= {UNLINKED}


def test_a_row_that_was_written_anew_breaks_the_next_one(path: Path) -> None:
    row = rows_of(path)[1]._replace(purpose="vote")
    connection = connect(path)
    sql = 'UPDATE "reads_chain" SET "purpose" = ?, "hash" = ? WHERE "n" = 2'
    connection.execute(sql, [row.purpose, hash_of(row)])
    connection.close()
    (finding,) = check_store(path).findings
    assert (finding.story, finding.example) == (UNLINKED, "read 3 (compare of b)")


def test_writers_at_once_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    reads = [read_of(run(f"r{n}"), "eval", Read("c", "set", "{}"), NOON) for n in range(60)]
    with open_store(path) as store, ThreadPoolExecutor(8) as pool:

        def write(number: int) -> None:
            store.write(f"b{number}", {"reads_chain": [reads[number]], "runs": [run(f"r{number}")]})

        list(pool.map(write, range(60)))
        with pytest.raises(BadBatch):  # a batch that is refused leaves no gap
            wrong = [item(0)._replace(digest="no digest")]
            store.write("refused", {"reads_chain": [reads[0]], "items": wrong})
        store.write("after", {"reads_chain": [reads[0]]})
        assert chain_head(store).reads == 61
    rows = rows_of(path)
    assert [row.n for row in rows] == list(range(1, 62))
    assert all(after.previous == before.hash for before, after in itertools.pairwise(rows))


def test_a_set_of_items_is_kept_once(tmp_path: Path) -> None:
    items = [item_digest(number) for number in range(3)]
    with open_store(tmp_path / "s.duckdb") as store:
        names = {keep_item_set(store, order) for order in (items, items[::-1], items + items[:1])}
        assert len(names) == 1
        assert store.query('SELECT count(*) AS "n" FROM "item_sets"') == [{"n": 3}]


def test_reads_of_an_older_store_are_carried_into_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    reads = [OldRead("capitals", "d", name, why, NOON) for name, why in ("ae", "be", "bg", "ac")]
    reasons = {"e": "eval", "g": "gate", "c": "compare"}
    reads = [read._replace(reason=reasons[read.reason]) for read in reads]
    decided = ComparisonRow("c1", "a", "b", "promote", 2, 0.05, "{}", NOON)
    batches = [
        {**whole(name), "runs": [run(name, split="test", split_digest="d", model_digest=name * 64)]}
        for name in "ab"
    ]
    for batch in batches:
        del batch["models"]
    more = {"test_reads": reads, "comparisons": [decided], "run_events": [event("b", "finished")]}
    write_older(path, 5, [*batches, {**more, "baselines": [baseline("a")]}])
    rows = rows_of(path)
    assert [(row.n, row.run, row.purpose) for row in rows[:4]] == [
        (1, "a", "eval"),
        (2, "b", "eval"),
        (3, "b", "gate"),
        (4, "a", "compare"),
    ]
    assert [(row.n, row.run, row.purpose) for row in rows[4:]] == [
        (n + 4, row.run, "carried") for n, row in enumerate(rows[:4], 1)
    ]
    assert [row.decision for row in rows] == [None, None, "c1", None] * 2
    assert len({row.item_set for row in rows[:4]}) == len({row.item_set for row in rows[4:]}) == 1
    assert [f.story for f in check_store(path).findings] == ["runs without their model"]
    with open_store(path) as store:
        assert chain_head(store) == Head(8, rows[-1].hash)
        a, b = (find_run(store, name) for name in "ab")
        assert a and b
        base, candidate = read_by(store, a), read_by(store, b)
        rules = rules_json({}, base)
        assert look_number(store, (base, candidate), rules).number == 1
        # No look is given back: a third candidate is the second one that reads these items.
        third = candidate._replace(candidate="c")
        row = read_of(b, "gate", third, NOON, "c2", rules)
        store.write("third", {"reads_chain": [row]})
        assert look_number(store, (base, third), rules).number == 2

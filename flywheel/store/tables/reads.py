"""reads_chain, item_sets and split_sets: each read of a sealed test split, in a chain of hashes.

A row says which items were read, by which candidate, under which rules and what for. Its hash
covers its content and the hash of the row before it, so a row that was changed, removed, inserted
or moved breaks the chain; `flywheel store check` names it. Whoever owns the file can still write a
whole new chain: a head that was printed earlier is then in it no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.digest import digest
from flywheel.store.rows.table import Table
from flywheel.store.tables.runs import RunRow

BEGINNING = "0" * 64


class ReadRow(NamedTuple):
    """One read. The writer sets `n`, `previous` and `hash`, in the order of its commits.

    `item_set` names the keys of the items, and `candidate` is the key of the candidate. `scoring`
    says as JSON what the scores mean. `decision` is the comparison that read them and `rules` its
    rules as JSON; both are None where nothing was decided. Rows of schema 7 and before name digests
    of items, and their `candidate` and `scoring` are None; migration 8 reads each of them again.
    """

    n: int
    previous: str
    hash: str
    at: datetime
    purpose: str
    run: str
    evalset: str
    split_digest: str
    model_digest: str
    prompt_digest: str
    item_set: str
    decision: str | None
    rules: str | None
    candidate: str | None = None
    scoring: str | None = None


class SetItemRow(NamedTuple):
    """One item, by its key, of a set. The set's name is the digest of its sorted items."""

    item_set: str
    item: str


class SplitSetRow(NamedTuple):
    """That a split which is not sealed holds these items: in its file, or in a run on it."""

    item_set: str
    evalset: str
    split: str
    created: datetime


READS_CHAIN = Table("reads_chain", ReadRow, key=("n",))
ITEM_SETS = Table("item_sets", SetItemRow, key=("item_set", "item"))
SPLIT_SETS = Table("split_sets", SplitSetRow, key=("item_set", "evalset", "split"))
# The columns that rows of schema 6 and 7 have.
OLD_COLUMNS = ReadRow._fields[:13]


class Head(NamedTuple):
    """The end of the chain: how many reads there were, and the hash of the last one."""

    reads: int
    hash: str


def has_read(store: Reader, head: str) -> bool:
    """Whether a head is one of the chain. That of an empty chain is one of every chain."""
    sql = 'SELECT 1 FROM "reads_chain" WHERE "hash" = ? LIMIT 1'
    return head == BEGINNING or bool(store.query(sql, [head]))


class Read(NamedTuple):
    """Who read which items, and what the scores meant."""

    candidate: str
    item_set: str
    scoring: str


def read_of(
    run: RunRow,
    purpose: str,
    read: Read,
    at: datetime,
    decision: str | None = None,
    rules: str | None = None,
) -> ReadRow:
    """The row for a read of a run's items, which the writer links."""
    return ReadRow(
        n=0,
        previous="",
        hash="",
        at=at,
        purpose=purpose,
        run=run.run,
        evalset=run.evalset,
        split_digest=run.split_digest,
        model_digest=run.model_digest,
        prompt_digest=run.prompt_digest,
        item_set=read.item_set,
        decision=decision,
        rules=rules,
        candidate=read.candidate,
        scoring=read.scoring,
    )


def linked(row: ReadRow, head: Head) -> ReadRow:
    """The row as the next one of the chain."""
    row = row._replace(n=head.reads + 1, previous=head.hash)
    return row._replace(hash=hash_of(row))


def hash_of(row: ReadRow) -> str:
    """The hash of a row's content and of the hash before it."""
    content = row._replace(hash="")._asdict()
    # What rows did not have when they were written is no part of their hash.
    content = {k: v for k, v in content.items() if k in OLD_COLUMNS or v is not None}
    return digest({**content, "at": row.at.isoformat(timespec="microseconds")})


def set_digest(items: Iterable[str]) -> str:
    """The name of a set of items, given by their digests."""
    return digest(sorted(set(items)))


def chain_head(store: Reader) -> Head:
    """The current end of the chain."""
    sql = 'SELECT "n" AS "reads", "hash" FROM "reads_chain" ORDER BY "n" DESC LIMIT 1'
    return store.first(Head, sql) or Head(0, BEGINNING)


def run_read(store: Reader, run: RunRow) -> Read | None:
    """What the first read of a run was, None where none is recorded.

    A regrade of a run that was not sealed when it was begun has its parent's.
    """
    sql = """
    SELECT "candidate", "item_set", "scoring" FROM "reads_chain"
    WHERE "run" = ? AND "candidate" IS NOT NULL ORDER BY "n" LIMIT 1
    """
    return store.first(Read, sql, [run.run])


class Look(NamedTuple):
    """A distinct read in the order of the chain: `n` is that of its first row."""

    n: int
    candidate: str
    item_set: str
    scoring: str
    rules: str | None


def looks_at(store: Reader, item_set: str) -> list[Look]:
    """The distinct reads of any item of a set, the first ones first."""
    return store.rows(
        Look,
        """
        SELECT min("n") AS "n", "candidate", "item_set", "scoring", "rules" FROM "reads_chain"
        WHERE "candidate" IS NOT NULL AND "item_set" IN (
            SELECT DISTINCT o."item_set" FROM "item_sets" AS o
            SEMI JOIN "item_sets" AS i ON i."item" = o."item" AND i."item_set" = $item_set
        )
        GROUP BY ALL ORDER BY 1
        """,
        {"item_set": item_set},
    )


def read_counts(store: Reader, item_set: str, weights: Mapping[str, int]) -> dict[str, int]:
    """How often each item of a set was read that was read at all.

    `weights` says for each set how many reads there were of it.
    """
    found = store.tuples(
        """
        WITH "weights" AS (SELECT unnest($sets) AS "item_set", unnest($counts) AS "count")
        SELECT i."item", sum(w."count")::BIGINT AS "total" FROM "item_sets" AS i
        JOIN "weights" AS w ON w."item_set" = i."item_set"
        SEMI JOIN "item_sets" AS own ON own."item" = i."item" AND own."item_set" = $item_set
        GROUP BY i."item"
        """,
        {"item_set": item_set, "sets": list(weights), "counts": list(weights.values())},
    )
    return dict(found)


def set_items(store: Reader, item_set: str) -> list[str]:
    """The items of a set."""
    sql = 'SELECT "item" FROM "item_sets" WHERE "item_set" = ? ORDER BY "item"'
    return store.values(sql, [item_set])


def read_hashes(store: Reader) -> set[str]:
    """The hashes of the chain."""
    return set(store.values('SELECT "hash" FROM "reads_chain"'))


def reads_by_content(store: Reader, columns: Sequence[str]) -> list[dict[str, Any]]:
    """These columns of the reads that know their items by content, in the order of the chain."""
    listed = ", ".join(f'"{name}"' for name in columns)
    sql = f'SELECT {listed} FROM "reads_chain" WHERE "candidate" IS NOT NULL ORDER BY "n"'
    return store.query(sql)


def read_time(store: Reader, n: int) -> datetime:
    """When a read of the chain was made."""
    return store.value('SELECT "at" FROM "reads_chain" WHERE "n" = ?', [n])


def gates_of(store: Reader, candidate: str) -> list[Look]:
    """The distinct gates of a candidate on any items, the first ones first."""
    return store.rows(
        Look,
        """
        SELECT min("n") AS "n", "candidate", "item_set", "scoring", "rules" FROM "reads_chain"
        WHERE "candidate" = ? AND "rules" IS NOT NULL GROUP BY ALL ORDER BY 1
        """,
        [candidate],
    )


def set_differences(store: Reader, one: str, other: str) -> tuple[int, int]:
    """How many items are in the first set only, and in the second only."""
    sql = """
    SELECT count(*) FROM "item_sets" AS a
    ANTI JOIN "item_sets" AS b ON b."item" = a."item" AND b."item_set" = $b
    WHERE a."item_set" = $a
    """
    pairs = ({"a": one, "b": other}, {"a": other, "b": one})
    return int(store.value(sql, pairs[0])), int(store.value(sql, pairs[1]))


def runs_reading(store: Reader, read: Read) -> list[tuple[str, str]]:
    """The runs of a candidate on a set of items, each with its scoring, the first ones first."""
    return store.tuples(
        """
        SELECT "run", first("scoring" ORDER BY "n") AS "scoring" FROM "reads_chain"
        WHERE "candidate" = ? AND "item_set" = ? GROUP BY "run" ORDER BY min("n")
        """,
        [read.candidate, read.item_set],
    )


def was_appointed(store: Reader, candidate: str) -> bool:
    """Whether a run of this candidate was ever made a baseline."""
    sql = """
    SELECT 1 FROM "baselines" SEMI JOIN "reads_chain" AS c
        ON c."run" = "baselines"."run" AND c."candidate" = ? LIMIT 1
    """
    return bool(store.query(sql, [candidate]))


class Held(NamedTuple):
    """A split that is not sealed and holds items of a sealed one."""

    evalset: str
    split: str
    items: list[str]


def also_held(store: Reader, item_set: str) -> list[Held]:
    """The splits beside test that hold items of a set, with the keys of those items."""
    return store.rows(
        Held,
        """
        SELECT s."evalset", s."split", list(DISTINCT i."item" ORDER BY i."item") AS "items"
        FROM "split_sets" AS s JOIN "item_sets" AS i ON i."item_set" = s."item_set"
        SEMI JOIN "item_sets" AS own ON own."item" = i."item" AND own."item_set" = ?
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        [item_set],
    )

"""reads_chain and item_sets: each read of a sealed test split, in a chain of hashes.

A row says which items were read, by which candidate (a model and a prompt), under which rules and
what for. Its hash covers its content and the hash of the row before it, so a row that was changed,
removed, inserted or moved breaks the chain; `flywheel store check` names it. Whoever owns the file
can still write a whole new chain: a head that was printed earlier is then in it no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.digest import digest
from flywheel.store.rows.table import Table
from flywheel.store.tables.runs import RunRow

BEGINNING = "0" * 64


class ReadRow(NamedTuple):
    """One read. The writer fills in `n`, `previous` and `hash`, in the order of its commits.

    `item_set` names the items. `decision` is the comparison that read them and `rules` its rules
    as JSON; both are None where nothing was decided.
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


class SetItemRow(NamedTuple):
    """One item, by its digest, of a set. The set's name is the digest of its sorted items."""

    item_set: str
    item: str


READS_CHAIN = Table("reads_chain", ReadRow, key=("n",))
ITEM_SETS = Table("item_sets", SetItemRow, key=("item_set", "item"))


class Head(NamedTuple):
    """The end of the chain: how many reads there were, and the hash of the last one."""

    reads: int
    hash: str


def read_of(
    run: RunRow,
    purpose: str,
    item_set: str,
    at: datetime,
    decision: str | None = None,
    rules: str | None = None,
) -> ReadRow:
    """A read of a run's items, as it is handed to the writer."""
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
        item_set=item_set,
        decision=decision,
        rules=rules,
    )


def linked(row: ReadRow, head: Head) -> ReadRow:
    """The row as the next one of the chain."""
    row = row._replace(n=head.reads + 1, previous=head.hash)
    return row._replace(hash=hash_of(row))


def hash_of(row: ReadRow) -> str:
    """The hash of a row's content and of the hash before it."""
    content = row._replace(hash="")._asdict()
    return digest({**content, "at": row.at.isoformat(timespec="microseconds")})


def set_digest(items: Iterable[str]) -> str:
    """The name of a set of items, given by their digests."""
    return digest(sorted(set(items)))


def chain_head(store: Reader) -> Head:
    """The end of the chain as it is now."""
    sql = 'SELECT "n" AS "reads", "hash" FROM "reads_chain" ORDER BY "n" DESC LIMIT 1'
    return store.first(Head, sql) or Head(0, BEGINNING)


class Reading(NamedTuple):
    """A candidate that read a split: a model and a prompt, on some items, some times each."""

    model_digest: str
    prompt_digest: str
    items: int
    repeats: int

    @classmethod
    def of(cls, run: RunRow) -> Reading:
        """What a run reads as."""
        return cls(run.model_digest, run.prompt_digest, run.items, run.repeats)


def readings_of(store: Reader, split_digest: str) -> list[Reading]:
    """The candidates that read a split, in the order of their first reads."""
    return store.rows(
        Reading,
        """
        SELECT c."model_digest", c."prompt_digest", r."items", r."repeats"
        FROM "reads_chain" AS c JOIN "runs" AS r ON r."run" = c."run"
        WHERE c."split_digest" = ? GROUP BY ALL ORDER BY min(c."n")
        """,
        [split_digest],
    )


def item_set_of(store: Reader, run: RunRow) -> str | None:
    """The set of items that a run read, None where no read of it is recorded."""
    sql = 'SELECT "item_set" FROM "reads_chain" WHERE "run" = ? OR "run" = ? ORDER BY "n" LIMIT 1'
    return store.value(sql, [run.run, run.sampled])

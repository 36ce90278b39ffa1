"""Reads that an earlier version wrote down become the beginning of the chain.

The items of each are those that the store has samples of: the earlier version kept no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel.store.execute import execute
from flywheel.store.rows.table import utc_now
from flywheel.store.tables.reads import BEGINNING, READS_CHAIN, Head, ReadRow, linked, set_digest

if TYPE_CHECKING:
    import duckdb

_READS = """
SELECT t."created", t."reason", t."run", t."evalset", t."split_digest",
    coalesce(r."model_digest", ''), coalesce(r."prompt_digest", ''),
    CASE r."kind" WHEN 'regrade' THEN r."parent" ELSE t."run" END AS "sampled", c."comparison"
FROM "test_reads" AS t LEFT JOIN "runs" AS r ON r."run" = t."run"
LEFT JOIN "comparisons" AS c
    ON t."reason" = 'gate' AND c."candidate" = t."run" AND c."created" = t."created"
ORDER BY t."created", t.rowid
"""


def carry_reads(connection: duckdb.DuckDBPyConnection) -> None:
    """Chain the rows of test_reads, and note in the ledger how many rows there are more."""
    sets: dict[str, str] = {}
    head = Head(0, BEGINNING)
    for at, reason, run, evalset, split, model, prompt, sampled, decision in execute(
        connection, _READS, []
    ).fetchall():
        if sampled not in sets:
            sets[sampled] = _set_of(connection, sampled)
        row = linked(
            ReadRow(
                n=0,
                previous="",
                hash="",
                at=at,
                purpose=reason,
                run=run,
                evalset=evalset,
                split_digest=split,
                model_digest=model,
                prompt_digest=prompt,
                item_set=sets[sampled],
                decision=decision,
                rules=None,
            ),
            head,
        )
        marks = ", ".join("?" * len(row))
        sql = f'INSERT INTO "reads_chain" ({READS_CHAIN.quoted}) VALUES ({marks})'
        execute(connection, sql, row)
        head = Head(row.n, row.hash)
    _set_rows(connection, sets)


def _set_of(connection: duckdb.DuckDBPyConnection, run: str) -> str:
    sql = 'SELECT DISTINCT "item" FROM "samples" WHERE "run" = ?'
    return set_digest(item for (item,) in execute(connection, sql, [run]).fetchall())


def _set_rows(connection: duckdb.DuckDBPyConnection, sets: dict[str, str]) -> None:
    for name, run in {name: run for run, name in sets.items()}.items():
        sql = 'INSERT INTO "item_sets" SELECT DISTINCT ?, "item" FROM "samples" WHERE "run" = ?'
        execute(connection, sql, [name, run])
    # As many rows of test_reads go as come into the chain.
    sql = (
        'INSERT INTO "batches" SELECT \'migration/6\', count(*), ? FROM "item_sets"'
        " HAVING count(*) > 0"
    )
    execute(connection, sql, [utc_now()])

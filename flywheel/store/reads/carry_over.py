"""Carry over: the reads of an older store, again, by the content of their items.

The rows that are there stay as they are, since their hashes cover them. Each is followed, at the
end of the chain and in the old order, by a row that knows its items and its candidate by content.
An imported run was kept without the digest of its answers: each is a candidate of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flywheel.store.execute import execute
from flywheel.store.reads.identity import candidate_of, scoring_of
from flywheel.store.reads.item_keys import item_keys, slots_of
from flywheel.store.rows.digest import canonical_json, digest
from flywheel.store.rows.table import utc_now
from flywheel.store.tables.reads import OLD_COLUMNS, Head, ReadRow, linked, set_digest
from flywheel.store.tables.runs import RunRow

if TYPE_CHECKING:
    import duckdb

_BLOCK = 10_000
# The columns of this schema: later ones are not there yet when this runs.
_READ = ReadRow._fields[:15]
_RUN = RunRow._fields[:23]


def carry_over(connection: duckdb.DuckDBPyConnection) -> None:
    """Read every read again by content. The ledger counts what that adds."""
    sql = f'SELECT {_listed(OLD_COLUMNS)} FROM "reads_chain" ORDER BY "n"'
    old = [ReadRow(*values) for values in execute(connection, sql, []).fetchall()]
    if not old:
        return
    sets: dict[tuple[str, str], str] = {}
    head, added = Head(old[-1].n, old[-1].hash), 0
    for row in old:
        run = _run(connection, row.run)
        evalset = run.evalset_digest if run else ""
        if (row.item_set, evalset) not in sets:
            keys = set(_keys(connection, row, _definition(connection, evalset)))
            sets[row.item_set, evalset] = name = set_digest(keys)
            added += _keep(connection, name, keys)
        new = row._replace(
            purpose="carried",
            item_set=sets[row.item_set, evalset],
            candidate=_candidate(row, run),
            scoring=scoring_of(run, _definition(connection, evalset)) if run else "{}",
            rules=_rules(connection, row),
        )
        new = linked(new, head)
        sql = f'INSERT INTO "reads_chain" ({_listed(_READ)}) VALUES ({", ".join("?" * len(_READ))})'
        execute(connection, sql, new[: len(_READ)])
        head, added = Head(new.n, new.hash), added + 1
    execute(connection, 'INSERT INTO "batches" VALUES (?, ?, ?)', ["migration/8", added, utc_now()])


def _keys(
    connection: duckdb.DuckDBPyConnection, row: ReadRow, definition: dict[str, Any]
) -> Iterator[str]:
    """The keys of the items of a set. An item that the store lacks keeps its digest."""
    slots = slots_of(definition.get("prompt"))
    sql = """
    SELECT s."item", i."item" FROM "item_sets" AS s
    LEFT JOIN "items" AS i ON i."digest" = s."item" WHERE s."item_set" = ?
    """
    found = execute(connection, sql, [row.item_set])
    while rows := found.fetchmany(_BLOCK):
        for known, text in rows:
            if text is None:
                yield known
            else:
                yield from item_keys(slots, json.loads(text), row.evalset)


def _keep(connection: duckdb.DuckDBPyConnection, name: str, keys: set[str]) -> int:
    """Write a set down unless it is there. Returns how many rows that took."""
    there = execute(connection, 'SELECT 1 FROM "item_sets" WHERE "item_set" = ? LIMIT 1', [name])
    if there.fetchone() or not keys:
        return 0
    execute(connection, 'INSERT INTO "item_sets" SELECT ?, unnest(?)', [name, sorted(keys)])
    return len(keys)


def _candidate(row: ReadRow, run: RunRow | None) -> str:
    if run is None:
        return digest([row.model_digest, row.prompt_digest, ""])
    # Only imported runs, and what regrades them, say nothing of sampling.
    return digest(["import", run.sampled]) if run.sampling == "{}" else candidate_of(run)


def _rules(connection: duckdb.DuckDBPyConnection, row: ReadRow) -> str | None:
    """The rules of a gate, with the baseline's key."""
    if row.rules is None:
        return None
    sql = 'SELECT "baseline" FROM "comparisons" WHERE "comparison" = ?'
    found = execute(connection, sql, [row.decision]).fetchone()
    run = _run(connection, found[0]) if found else None
    return canonical_json({**json.loads(row.rules), "baseline": _candidate(row, run)})


def _run(connection: duckdb.DuckDBPyConnection, name: str) -> RunRow | None:
    sql = f'SELECT {_listed(_RUN)} FROM "runs" WHERE "run" = ?'
    found = execute(connection, sql, [name]).fetchone()
    return RunRow(*found) if found else None


def _definition(connection: duckdb.DuckDBPyConnection, digest: str) -> dict[str, Any]:
    sql = 'SELECT "definition" FROM "evalsets" WHERE "digest" = ?'
    found = execute(connection, sql, [digest]).fetchone()
    return json.loads(found[0]) if found else {}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

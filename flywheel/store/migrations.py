"""The schema's migrations: a list of numbered steps. A released step is never edited.

Each step runs in one transaction with the row that records it, between two checkpoints, because
DuckDB has wrongly replayed logs with both schema changes and rows. After a crash a step is either
done and recorded, or neither, and runs again. To change the schema, add a file to `schema/` and its
name to the end of STEPS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel.store.errors import BrokenStore, NewerStore
from flywheel.store.execute import execute
from flywheel.store.reads.carry_over import carry_over
from flywheel.store.rows.table import utc_now
from flywheel.store.tables.reads import BEGINNING, OLD_COLUMNS, Head, ReadRow, linked, set_digest

if TYPE_CHECKING:
    import duckdb

Step = Callable[[Any], object]

_RECORD = """
CREATE TABLE "migrations" (
    "number" INTEGER NOT NULL, "name" VARCHAR NOT NULL, "version" VARCHAR NOT NULL,
    "created" TIMESTAMP NOT NULL
)
"""
_DONE = 'INSERT INTO "migrations" ("number", "name", "version", "created") VALUES (?, ?, ?, ?)'
# The rows of test_reads, as rows of the chain that are not linked yet, and their runs.
_OLD_READS = """
SELECT 0, '', '', t."created", t."reason", t."run", t."evalset", t."split_digest",
    coalesce(r."model_digest", ''), coalesce(r."prompt_digest", ''), '', c."comparison", NULL,
    CASE r."kind" WHEN 'regrade' THEN r."parent" ELSE t."run" END AS "sampled"
FROM "test_reads" AS t LEFT JOIN "runs" AS r ON r."run" = t."run"
LEFT JOIN "comparisons" AS c
    ON t."reason" = 'gate' AND c."candidate" = t."run" AND c."created" = t."created"
ORDER BY t."created", t.rowid
"""


def _sql(name: str, then: Step | None = None) -> Step:
    """The step that runs this file of `schema/`, then `then`."""
    script = Path(__file__).with_name("schema") / f"{name}.sql"

    def step(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(script.read_text(encoding="utf-8"))
        if then is not None:
            then(connection)

    step.__name__ = name.partition("_")[2]
    return step


def _carry_reads(connection: duckdb.DuckDBPyConnection) -> None:
    """Move test_reads to the beginning of the chain, and adjust the ledger's count of rows.

    The items of each read are those with samples in the store: no others were stored.
    """
    sets: dict[str, str] = {}
    head = Head(0, BEGINNING)
    for *fields, sampled in execute(connection, _OLD_READS, []).fetchall():
        if sampled not in sets:
            sql = 'SELECT DISTINCT "item" FROM "samples" WHERE "run" = ?'
            found = execute(connection, sql, [sampled]).fetchall()
            sets[sampled] = set_digest(item for (item,) in found)
        row = linked(ReadRow(*fields)._replace(item_set=sets[sampled]), head)
        values = row[: len(OLD_COLUMNS)]
        marks = ", ".join("?" * len(values))
        execute(connection, f'INSERT INTO "reads_chain" VALUES ({marks})', values)
        head = Head(row.n, row.hash)
    for name, run in {name: run for run, name in sets.items()}.items():
        sql = 'INSERT INTO "item_sets" SELECT DISTINCT ?, "item" FROM "samples" WHERE "run" = ?'
        execute(connection, sql, [name, run])
    # Each row of test_reads became one of the chain; only the item sets are additional.
    sql = (
        'INSERT INTO "batches" SELECT \'migration/6\', count(*), ? FROM "item_sets"'
        " HAVING count(*) > 0"
    )
    execute(connection, sql, [utc_now()])
    connection.execute('DROP TABLE "test_reads"')


STEPS: Sequence[Step] = (
    _sql("01_first_tables"),
    _sql("02_positions_of_scores"),
    _sql("03_decisions_and_votes"),
    _sql("04_jobs"),
    _sql("05_floors"),
    _sql("06_provenance_and_reads", _carry_reads),
    _sql("07_tags_of_runs"),
    _sql("08_items_by_content", carry_over),
)


def migrate(
    connection: duckdb.DuckDBPyConnection, path: Path, steps: Sequence[Step] = STEPS
) -> None:
    """Migrate a store to the last of `steps`. Raises NewerStore for a newer schema."""
    done = schema_number(connection, path, len(steps))
    # Also without pending steps: the last process may have left the log of a step.
    connection.execute("CHECKPOINT")
    for number, step in enumerate(steps[done:], done + 1):
        connection.begin()
        try:
            if number == 1:
                connection.execute(_RECORD)
            step(connection)
            name = getattr(step, "__name__", "step")
            execute(connection, _DONE, [number, name, version("flywheel-llm"), utc_now()])
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        connection.execute("CHECKPOINT")


def schema_number(
    connection: duckdb.DuckDBPyConnection, path: Path, newest: int = len(STEPS)
) -> int:
    """The number of the last step of this store, 0 for an empty file.

    Raises NewerStore beyond `newest`, BrokenStore for a DuckDB file that is not Flywheel's.
    """
    names = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    if not names:
        return 0
    if "migrations" not in names:
        raise BrokenStore(
            f"{path}: a DuckDB file, but no Flywheel store; name another --db (it holds"
            f" {', '.join(sorted(names)[:3])})"
        )
    found = connection.execute(
        'SELECT "number", "version" FROM "migrations" ORDER BY "number" DESC LIMIT 1'
    ).fetchone()
    number, written_by = found or (0, "?")
    if number > newest:
        raise NewerStore(
            f"{path}: written by Flywheel {written_by} (schema {number}; this version knows"
            f" {newest}); upgrade with `pip install -U flywheel`, or name another --db"
        )
    return int(number)

"""The schema's history: numbered steps that only grow. A step that shipped is never edited.

Each step runs in one transaction together with the row that records it, between two checkpoints:
the log then never holds a change of schema beside rows, which DuckDB has replayed wrongly. A step
that a crash interrupts is either recorded and done, or not there at all and runs again. To change
the schema, add a function at the end of STEPS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel.store.errors import BrokenStore, NewerStore
from flywheel.store.execute import execute
from flywheel.store.reads.carry import carry_reads
from flywheel.store.rows.table import utc_now

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


def first_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Definitions, runs with their samples and scores, and the ledger."""
    connection.execute(
        """
        CREATE TABLE "evalsets" ("digest" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
            "definition" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
        CREATE TABLE "items" ("digest" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL,
            "split" VARCHAR NOT NULL, "position" BIGINT NOT NULL, "id" VARCHAR NOT NULL,
            "item" VARCHAR NOT NULL);
        CREATE TABLE "graders" ("digest" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
            "type" VARCHAR NOT NULL, "definition" VARCHAR NOT NULL);
        CREATE TABLE "prompts" ("digest" VARCHAR NOT NULL, "messages" VARCHAR NOT NULL);
        CREATE TABLE "models" ("digest" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
            "kind" VARCHAR NOT NULL, "detail" VARCHAR NOT NULL);
        CREATE TABLE "runs" ("run" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL,
            "kind" VARCHAR NOT NULL, "parent" VARCHAR, "evalset" VARCHAR NOT NULL,
            "evalset_digest" VARCHAR NOT NULL, "split" VARCHAR NOT NULL,
            "split_digest" VARCHAR NOT NULL, "model" VARCHAR NOT NULL,
            "model_digest" VARCHAR NOT NULL, "prompt_digest" VARCHAR NOT NULL,
            "sampling" VARCHAR NOT NULL, "sampling_digest" VARCHAR NOT NULL,
            "repeats" BIGINT NOT NULL, "items" BIGINT NOT NULL, "graders" VARCHAR NOT NULL,
            "primary_grader" VARCHAR NOT NULL, "version" VARCHAR NOT NULL, "note" VARCHAR);
        CREATE TABLE "run_events" ("run" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL,
            "status" VARCHAR NOT NULL, "detail" VARCHAR);
        CREATE TABLE "samples" ("run" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
            "position" BIGINT NOT NULL, "repeat" BIGINT NOT NULL, "key" VARCHAR NOT NULL,
            "output_text" VARCHAR NOT NULL, "extra" VARCHAR, "error" VARCHAR,
            "truncated" BOOLEAN NOT NULL, "prompt_tokens" BIGINT NOT NULL,
            "completion_tokens" BIGINT NOT NULL, "cached_tokens" BIGINT NOT NULL,
            "seconds" DOUBLE NOT NULL, "price" DOUBLE, "cached" BOOLEAN NOT NULL,
            "created" TIMESTAMP NOT NULL);
        CREATE TABLE "scores" ("run" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
            "repeat" BIGINT NOT NULL, "grader" VARCHAR NOT NULL, "name" VARCHAR NOT NULL,
            "score" DOUBLE, "passed" BOOLEAN, "parsed" BOOLEAN, "reason" VARCHAR NOT NULL,
            "error_kind" VARCHAR, "error_label" VARCHAR, "error_detail" VARCHAR,
            "parts" VARCHAR, "created" TIMESTAMP NOT NULL,
            CHECK (("score" IS NULL) <> ("error_kind" IS NULL)));
        CREATE TABLE "baselines" ("evalset" VARCHAR NOT NULL, "evalset_digest" VARCHAR NOT NULL,
            "split" VARCHAR NOT NULL, "model_digest" VARCHAR NOT NULL,
            "prompt_digest" VARCHAR NOT NULL, "sampling_digest" VARCHAR NOT NULL,
            "run" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
        CREATE TABLE "test_reads" ("evalset" VARCHAR NOT NULL, "split_digest" VARCHAR NOT NULL,
            "run" VARCHAR NOT NULL, "reason" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
        CREATE TABLE "batches" ("batch" VARCHAR PRIMARY KEY, "rows" BIGINT NOT NULL,
            "created" TIMESTAMP NOT NULL);
        """
    )


def positions_of_scores(connection: duckdb.DuckDBPyConnection) -> None:
    """Scores say where their item stands: eight bytes tell items apart where a digest took 64."""
    connection.execute(
        """
        CREATE TABLE "scores_with_position" ("run" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
            "position" BIGINT NOT NULL, "repeat" BIGINT NOT NULL, "grader" VARCHAR NOT NULL,
            "name" VARCHAR NOT NULL, "score" DOUBLE, "passed" BOOLEAN, "parsed" BOOLEAN,
            "reason" VARCHAR NOT NULL, "error_kind" VARCHAR, "error_label" VARCHAR,
            "error_detail" VARCHAR, "parts" VARCHAR, "created" TIMESTAMP NOT NULL,
            CHECK (("score" IS NULL) <> ("error_kind" IS NULL)));
        INSERT INTO "scores_with_position"
        WITH "stands" AS (
            SELECT r."run", a."item", any_value(a."position") AS "position"
            FROM "samples" AS a JOIN "runs" AS r
                ON a."run" = CASE r."kind" WHEN 'regrade' THEN r."parent" ELSE r."run" END
            GROUP BY r."run", a."item"
        )
        SELECT s."run", s."item", coalesce(p."position", i."position", 0), s."repeat", s."grader",
            s."name", s."score", s."passed", s."parsed", s."reason", s."error_kind",
            s."error_label", s."error_detail", s."parts", s."created"
        FROM "scores" AS s
        LEFT JOIN "stands" AS p ON p."run" = s."run" AND p."item" = s."item"
        LEFT JOIN "items" AS i ON i."digest" = s."item"
        ORDER BY s.rowid;
        DROP TABLE "scores";
        ALTER TABLE "scores_with_position" RENAME TO "scores";
        """
    )


def decisions_and_votes(connection: duckdb.DuckDBPyConnection) -> None:
    """Decisions of the gate, the promotions that follow, and people's votes."""
    connection.execute(
        """
        CREATE TABLE "comparisons" ("comparison" VARCHAR NOT NULL, "baseline" VARCHAR NOT NULL,
            "candidate" VARCHAR NOT NULL, "decision" VARCHAR NOT NULL, "look" BIGINT NOT NULL,
            "alpha" DOUBLE NOT NULL, "detail" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
        CREATE TABLE "promotions" ("evalset" VARCHAR NOT NULL, "baseline" VARCHAR NOT NULL,
            "candidate" VARCHAR NOT NULL, "comparison" VARCHAR NOT NULL,
            "created" TIMESTAMP NOT NULL);
        CREATE TABLE "votes" ("vote" VARCHAR NOT NULL, "left" VARCHAR NOT NULL,
            "right" VARCHAR NOT NULL, "item" VARCHAR NOT NULL, "repeat" BIGINT NOT NULL,
            "choice" VARCHAR, "undoes" VARCHAR, "who" VARCHAR NOT NULL, "seconds" DOUBLE NOT NULL,
            "created" TIMESTAMP NOT NULL,
            CHECK (("choice" IS NULL) <> ("undoes" IS NULL)));
        """
    )


def jobs(connection: duckdb.DuckDBPyConnection) -> None:
    """Jobs, what they said of themselves, and what they kept on their way."""
    connection.execute(
        """
        CREATE TABLE "jobs" ("job" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL,
            "lever" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL, "model" VARCHAR NOT NULL,
            "order" VARCHAR NOT NULL, "folder" VARCHAR NOT NULL, "baseline" VARCHAR);
        CREATE TABLE "job_events" ("job" VARCHAR NOT NULL, "n" BIGINT NOT NULL,
            "at" TIMESTAMP NOT NULL, "kind" VARCHAR NOT NULL, "detail" VARCHAR NOT NULL);
        CREATE TABLE "checkpoints" ("job" VARCHAR NOT NULL, "n" BIGINT NOT NULL,
            "step" BIGINT NOT NULL, "path" VARCHAR NOT NULL, "digest" VARCHAR,
            "metrics" VARCHAR NOT NULL);
        """
    )


def floors(connection: duckdb.DuckDBPyConnection) -> None:
    """What answers that took no skill score on the items of a run."""
    connection.execute(
        """
        CREATE TABLE "floors" ("run" VARCHAR NOT NULL, "grader" VARCHAR NOT NULL,
            "answers" BIGINT NOT NULL, "distinct_answers" BIGINT NOT NULL,
            "detail" VARCHAR NOT NULL, "scores" VARCHAR NOT NULL, "created" TIMESTAMP NOT NULL);
        """
    )


def provenance_and_reads(connection: duckdb.DuckDBPyConnection) -> None:
    """Who answered and judged, and the reads of sealed splits as a chain of hashes."""
    connection.execute(
        """
        ALTER TABLE "samples" ADD COLUMN "model" VARCHAR;
        ALTER TABLE "samples" ADD COLUMN "finish_reason" VARCHAR;
        ALTER TABLE "samples" ADD COLUMN "response" VARCHAR;
        ALTER TABLE "scores" ADD COLUMN "usage" VARCHAR;
        ALTER TABLE "scores" ADD COLUMN "judge_reply" VARCHAR;
        ALTER TABLE "runs" ADD COLUMN "judge_digest" VARCHAR;
        ALTER TABLE "runs" ADD COLUMN "embedder_digest" VARCHAR;
        ALTER TABLE "runs" ADD COLUMN "owner_key" VARCHAR;
        CREATE TABLE "item_sets" ("item_set" VARCHAR NOT NULL, "item" VARCHAR NOT NULL);
        CREATE TABLE "reads_chain" ("n" BIGINT NOT NULL, "previous" VARCHAR NOT NULL,
            "hash" VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL, "purpose" VARCHAR NOT NULL,
            "run" VARCHAR NOT NULL, "evalset" VARCHAR NOT NULL, "split_digest" VARCHAR NOT NULL,
            "model_digest" VARCHAR NOT NULL, "prompt_digest" VARCHAR NOT NULL,
            "item_set" VARCHAR NOT NULL, "decision" VARCHAR, "rules" VARCHAR);
        """
    )
    carry_reads(connection)
    connection.execute('DROP TABLE "test_reads"')
    # A macro is a view of one run; a view of all runs costs twice as much. One row a pair of the
    # run: its answer, or the newest error in its place. One row a pair and grader: its score, or
    # the newest reason why there is none. That a pair has one score is the writer's care: to group
    # a million rows here would cost more than all the rest. Items are told apart by their position.
    connection.execute(
        """
        CREATE MACRO newest_samples(of_run) AS TABLE
            SELECT * FROM "samples" WHERE "run" = of_run QUALIFY row_number() OVER (
                PARTITION BY "position", "repeat" ORDER BY "error" IS NULL DESC, "created" DESC
            ) = 1;
        CREATE MACRO newest_scores(of_run) AS TABLE
            SELECT * FROM "scores" WHERE "run" = of_run AND "score" IS NOT NULL
            UNION ALL (
                SELECT * FROM "scores" AS "u"
                WHERE "run" = of_run AND "score" IS NULL AND NOT EXISTS (
                    FROM "scores" AS "g" WHERE "g"."run" = of_run AND "g"."score" IS NOT NULL
                        AND "g"."position" = "u"."position" AND "g"."repeat" = "u"."repeat"
                        AND "g"."grader" = "u"."grader"
                )
                QUALIFY row_number() OVER (
                    PARTITION BY "grader", "position", "repeat"
                    ORDER BY "created" DESC, rowid DESC
                ) = 1
            );
        """
    )


STEPS: Sequence[Step] = (
    first_tables,
    positions_of_scores,
    decisions_and_votes,
    jobs,
    floors,
    provenance_and_reads,
)


def migrate(
    connection: duckdb.DuckDBPyConnection, path: Path, steps: Sequence[Step] = STEPS
) -> None:
    """Bring a store up to the last of `steps`. Raises NewerStore for one that is beyond them."""
    done = schema_number(connection, path, len(steps))
    # Also when nothing is to be done: a step's own log may be what the last process left.
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

    Raises NewerStore beyond `newest`, BrokenStore when it is somebody else's DuckDB file.
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

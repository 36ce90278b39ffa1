"""Check: every block of the file can be read, and every reference between rows is valid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flywheel.errors import FlywheelError
from flywheel.store.errors import OlderStore, StoreFailed
from flywheel.store.migrations import STEPS, schema_number
from flywheel.store.owner import own, real_path
from flywheel.store.place import db_option
from flywheel.store.reader import Reader
from flywheel.store.reads.chain import broken_links, broken_sets
from flywheel.store.rows.table import MOST_COUNT, Table
from flywheel.store.rows.values import wrong_values
from flywheel.store.store import connect
from flywheel.store.tables.reads import has_read, set_digest
from flywheel.store.tables.tables import TABLES


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the table, what is wrong, how many rows have it, and one of them."""

    table: str
    story: str
    count: int
    example: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check read (rows by table), and what it found.

    `size` is the file's size in bytes, `free` the unused part, which `compact_store` releases.
    """

    rows: dict[str, int]
    findings: list[Finding]
    size: int = 0
    free: int = 0


_SAMPLED = (
    """(SELECT "run", CASE "kind" WHEN 'regrade' THEN "parent" ELSE "run" END AS "sampled" """
    """FROM "runs")"""
)
# References between rows: table, message, and a query for dangling ones as `example`.
_LEADS: tuple[tuple[str, str, str], ...] = (
    (
        "scores",
        "scores without their sample",
        f"""SELECT s."run" || ' ' || s."item" FROM "scores" AS s
        LEFT JOIN {_SAMPLED} AS r ON r."run" = s."run"
        ANTI JOIN "samples" AS a ON a."run" = coalesce(r."sampled", s."run")
            AND a."item" = s."item" AND a."repeat" = s."repeat" """,
    ),
    *(
        (
            table,
            f"{table} without their {what}",
            f'SELECT s."{column}" FROM "{table}" AS s ANTI JOIN "{target}" AS t'
            f' ON t."{key}" = s."{column}"',
        )
        for table, what, column, target, key in (
            ("scores", "run", "run", "runs", "run"),
            ("scores", "item", "item", "items", "digest"),
            ("scores", "grader", "grader", "graders", "digest"),
            ("samples", "run", "run", "runs", "run"),
            ("samples", "item", "item", "items", "digest"),
            ("runs", "evalset", "evalset_digest", "evalsets", "digest"),
            ("runs", "model", "model_digest", "models", "digest"),
            ("runs", "prompt", "prompt_digest", "prompts", "digest"),
            ("run_events", "run", "run", "runs", "run"),
            ("baselines", "run", "run", "runs", "run"),
            ("reads_chain", "run", "run", "runs", "run"),
            ("comparisons", "baseline", "baseline", "runs", "run"),
            ("comparisons", "candidate", "candidate", "runs", "run"),
            ("promotions", "comparison", "comparison", "comparisons", "comparison"),
            ("votes", "left run", "left", "runs", "run"),
            ("votes", "right run", "right", "runs", "run"),
            ("votes", "item", "item", "items", "digest"),
            ("job_events", "job", "job", "jobs", "job"),
            ("checkpoints", "job", "job", "jobs", "job"),
        )
    ),
    (
        "runs",
        "runs on a sealed split without their read",
        'SELECT s."run" FROM "runs" AS s ANTI JOIN "reads_chain" AS t ON t."run" = s."run"'
        """ WHERE s."split" = 'test' AND s."kind" <> 'regrade'""",
    ),
    (
        "reads_chain",
        "reads of what their runs are not",
        """SELECT 'read ' || s."n" FROM "reads_chain" AS s JOIN "runs" AS r ON r."run" = s."run"
        WHERE r."split" <> 'test' OR (r."split_digest", r."model_digest", r."prompt_digest")
            <> (s."split_digest", s."model_digest", s."prompt_digest")""",
    ),
    (
        "reads_chain",
        "reads without their item set",
        """SELECT 'read ' || s."n" FROM "reads_chain" AS s ANTI JOIN "item_sets" USING ("item_set")
        WHERE s."item_set" <> '"""
        + set_digest([])
        + "'",
    ),
    (
        "comparisons",
        "decisions on a sealed split without their read",
        'SELECT s."comparison" FROM "comparisons" AS s'
        ' JOIN "runs" AS r ON r."run" = s."candidate"'
        ' ANTI JOIN "reads_chain" AS t ON t."decision" = s."comparison"'
        """ WHERE r."split" = 'test'""",
    ),
    (
        "jobs",
        "jobs without their baseline",
        'SELECT s."job" FROM "jobs" AS s ANTI JOIN "runs" AS t ON t."run" = s."baseline"'
        ' WHERE s."baseline" IS NOT NULL',
    ),
    (
        "runs",
        "runs whose parent is not here",
        'SELECT s."run" FROM "runs" AS s ANTI JOIN "runs" AS t ON t."run" = s."parent"'
        ' WHERE s."parent" IS NOT NULL',
    ),
)
_UNCOUNTABLE = " OR ".join(
    f'"{name}" NOT BETWEEN 0 AND {MOST_COUNT}' for name in TABLES["samples"].counts
)
# Failed requests and ungraded verdicts may be repeated: only rows that count are unique.
_COUNTS = {"samples": '"error" IS NULL', "scores": '"score" IS NOT NULL'}


def check_store(path: Path, head: str | None = None) -> Report:
    """Read all of a store that no process has open, without changing it.

    `head` is one that a gate printed: while it is in the chain of reads, no read up to it was taken
    back. Raises StoreInUse, NewerStore, OlderStore, and StoreFailed if it cannot be opened.
    Unreadable data in an open store is a finding.
    """
    if not path.is_file():
        raise StoreFailed(f"{path}: no such file; name the store with --db")
    path = real_path(path)
    with own(path), closing(connect(path, read_only=True)) as connection:
        return _check(Reader(path, connection), head)


def _check(store: Reader, head: str | None) -> Report:
    rows: dict[str, int] = {}
    findings: list[Finding] = []
    with store.cursor() as cursor:
        schema = schema_number(cursor, store.path)
    if schema < len(STEPS):
        raise OlderStore(
            f"{store.path}: written by an older version (schema {schema} of {len(STEPS)}), so it"
            f" was not checked; migrate it with flywheel runs{db_option(store.path)}, then check it"
            " again"
        )
    for table in TABLES.values():
        try:
            # A hash of every row reads, and so verifies, every block.
            sql = f'SELECT count(*) AS "n", bit_xor(hash(t)) FROM "{table.name}" AS t'
            rows[table.name] = int(store.query(sql)[0]["n"])
        except FlywheelError as error:
            findings.append(Finding(table.name, f"cannot be read: {error}", 1))
    if not findings:
        findings += _faults(store, rows)
        if head is not None and not has_read(store, head):
            story = "head that was printed and is no longer in the chain: reads were taken back"
            findings.append(Finding("reads_chain", story, 1, head))
    sql = "SELECT block_size * free_blocks AS free FROM pragma_database_size()"
    return Report(rows, findings, store.path.stat().st_size, int(store.query(sql)[0]["free"]))


def _faults(store: Reader, rows: dict[str, int]) -> Iterator[Finding]:
    for table in TABLES.values():
        yield from _found(store, table.name, "rows that are there twice", _twice(table))
    sql = f"""SELECT "run" || ' ' || "item" FROM "samples" WHERE {_UNCOUNTABLE}"""
    yield from _found(store, "samples", "rows with an impossible count, such as of tokens", sql)
    yield from (Finding(*wrong) for wrong in wrong_values(store))
    for name, story, sql in _LEADS:
        yield from _found(store, name, story, sql)
    broken: dict[str, list[str]] = {}
    for story, example in (*broken_links(store), *broken_sets(store)):
        broken.setdefault(story, []).append(example)
    for story, examples in broken.items():
        yield Finding("reads_chain", story, len(examples), examples[0])
    listed = int(store.query('SELECT coalesce(sum("rows"), 0) AS "n" FROM "batches"')[0]["n"])
    there = sum(rows.values()) - rows["batches"]
    if listed != there:
        story = f"the ledger lists {listed} rows, the tables hold {there}"
        yield Finding("batches", story, abs(listed - there))


def _found(store: Reader, table: str, story: str, sql: str) -> Iterator[Finding]:
    found = store.query(
        f'SELECT count(*) AS "n", min("example") AS "x" FROM ({sql}) AS f("example")'
    )
    if found[0]["n"]:
        yield Finding(table, story, int(found[0]["n"]), str(found[0]["x"]))


def _twice(table: Table) -> str:
    key = ", ".join(f'"{name}"' for name in table.key)
    where = _COUNTS.get(table.name, "true")
    return (
        f"SELECT concat_ws(' ', {key}) FROM \"{table.name}\" WHERE {where}"
        f" GROUP BY {key} HAVING count(*) > 1"
    )

"""A store that an older version wrote: every command opens it and shows what it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flywheel.cli.app import app
from flywheel.evals.results.results import the_run
from flywheel.evals.results.worst_items import slices
from flywheel.store.errors import OlderStore
from flywheel.store.migrations import STEPS
from flywheel.store.rows.digest import digest
from flywheel.store.store import open_store
from flywheel.store.tables.decisions import ComparisonRow, PromotionRow
from flywheel.store.tables.definitions import EvalsetRow
from flywheel.store.tables.jobs import CheckpointRow, JobEventRow, JobRow
from flywheel.store.tables.tables import TABLES
from flywheel.store.tables.votes import VoteRow
from flywheel.store.upkeep.check import check_store
from tests.store.older import write_older
from tests.store.rows import NOON, Tables, baseline, event, item, item_digest, whole

DECIDED: Tables = {
    "baselines": [baseline("a")],
    "run_events": [event("a", "finished", 1), event("b", "finished", 1)],
    "comparisons": [ComparisonRow("c1", "a", "b", "promote", 1, 0.05, "{}", NOON)],
    "promotions": [PromotionRow("capitals", "a", "b", "c1", NOON)],
    "votes": [VoteRow("v1", "a", "b", item_digest(0), 0, "left", None, "me", 1.0, NOON)],
}
TRAINED: Tables = {
    "jobs": [JobRow("job-a", NOON, "sft", "capitals", "tiny", "{}", "/gone", "a")],
    "job_events": [
        JobEventRow("job-a", 1, NOON, "accepted", "{}"),
        JobEventRow("job-a", 2, NOON, "step", '{"step": 1, "loss": 0.5}'),
        JobEventRow("job-a", 3, NOON, "finished", '{"best_step": 1}'),
    ],
    "checkpoints": [CheckpointRow("job-a", 2, 1, "/gone/step-1", None, "{}")],
}
COMMANDS = (
    ["runs"],
    ["show", "a"],
    ["compare", "a", "b"],
    ["jobs"],
    ["store", "check"],
    ["store", "export", "export"],
    ["store", "rebuild", "export", "--db", "again.duckdb"],
)


@pytest.mark.parametrize("schema", range(3, len(STEPS)))
def test_an_older_store_is_migrated_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("flywheel.duckdb")
    batches = [whole("a"), whole("b"), DECIDED, *([TRAINED] if schema > 3 else [])]
    before = write_older(path, schema, batches)
    with pytest.raises(OlderStore):
        check_store(path)
    for command in COMMANDS:
        done = CliRunner().invoke(app, command)
        assert (done.exit_code, done.exception) == (0, None), (command, done.output)
    shown = json.loads(CliRunner().invoke(app, ["jobs", "--json"]).stdout)
    assert [one["status"] for one in shown] == (["finished"] if schema > 3 else [])
    for name in ("flywheel.duckdb", "again.duckdb"):
        with open_store(Path(name)) as store:
            now = counts(store)
        assert {table: now[table] for table in before} == before
        assert set(now) == set(TABLES)


def test_a_run_of_an_older_store_is_sliced_by_the_tags_of_its_evalset(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    tagged: Tables = {
        **whole("a"),
        "evalsets": [EvalsetRow(digest("evalset"), "capitals", '{"tags": ["kind"]}', NOON)],
        "items": [item(number, item='{"kind": "even"}') for number in range(2)],
    }
    write_older(path, 6, [tagged])
    with open_store(path) as store:
        assert [part.tag for part in slices(store, the_run(store, "a"))] == ["kind=even"]


def counts(store: Any) -> dict[str, int]:
    """How many rows each table holds."""
    names = [row["name"] for row in store.query("SHOW TABLES")]
    return {
        name: store.query(f'SELECT count(*) AS "n" FROM "{name}"')[0]["n"]
        for name in names
        if name in TABLES
    }

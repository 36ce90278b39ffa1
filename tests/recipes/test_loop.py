"""The whole loop, small: a few items and steps, real training, and a story that can be stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flywheel.evals.evalset.evalset import load_evalset
from flywheel.recipes.loop import Lever, main
from flywheel.store.store import open_store
from flywheel.store.upkeep.check import check_store

FEW = Lever("sft", "a few steps", {"lever": "sft", "rows": 40, "steps": 4, "batch_size": 8})


def small(folder: Path) -> str:
    """ticket_triage with few items."""
    shipped = load_evalset("ticket_triage").folder
    folder.mkdir()
    shutil.copy(shipped / "evalset.yaml", folder)
    for split, items in (("train", 60), ("dev", 24), ("test", 32)):
        lines = (shipped / f"{split}.jsonl").read_text().splitlines(keepends=True)
        (folder / f"{split}.jsonl").write_text("".join(lines[:items]))
    return str(folder)


def test_the_story_is_told_once_and_goes_on_where_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    evalset, folder = small(tmp_path / "triage"), tmp_path / "demo"
    first = main(folder, (FEW,), evalset)
    told = capfd.readouterr().out
    for line in ("1. Measure the baseline", "sft seed 1, step 4:", "sft seed 0 on test:", "next"):
        assert line in told
    assert {check.name for check in first.decided.decision.checks} >= {
        "sealed",
        "gain: exact",
        "seeds",
    }
    again = main(folder, (FEW,), evalset)
    assert again.decided.candidate.run == first.decided.candidate.run
    with open_store(folder / "flywheel.duckdb") as store:
        counts = {
            table: store.query(f'SELECT count(*) AS "n" FROM "{table}"')[0]["n"]
            for table in ("runs", "jobs")
        }
        kinds = {row["kind"] for row in store.query('SELECT "kind" FROM "job_events"')}
    assert "queued" not in kinds, "the seeds train side by side"
    assert counts == {"runs": 6, "jobs": 2}, "two baselines, two dev runs, two test runs; no more"
    assert check_store(folder / "flywheel.duckdb").findings == []

"""What the store does not take becomes a failed sample or an ungraded verdict; the rest counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel.engines.here import Here
from flywheel.evals.grading.regrade import begin_regrade
from flywheel.samplers.sampler import Output
from flywheel.store.rows.table import MOST_TEXT
from flywheel.store.store import Store, open_store
from flywheel.store.upkeep.check import check_store
from graders.definition import read_grader
from graders.ungraded import Usage
from tests.evals.world import (
    CHECK,
    Echo,
    bench,
    go_on,
    go_on_regrade,
    measure,
    plan,
    said,
    say,
    write_evalset,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.duckdb") as opened:
        yield opened


def odd(prompt: str) -> Output:
    """A huge answer, one that is too large, and one whose endpoint counts its tokens wrongly."""
    if said(prompt) == "3":
        return Output("x" * 40_000_000, "echo", Usage(3, 1))
    if said(prompt) == "5":
        return Output("x" * (MOST_TEXT + 1), "echo", Usage(3, 1))
    if said(prompt) == "7":
        return Output("7", "echo", Usage(2**63 - 1, 1))
    return say(prompt)


def test_answers_that_the_store_refuses_are_failed_samples(tmp_path: Path, store: Store) -> None:
    of = plan(write_evalset(tmp_path / "e"))
    result = measure(store, of, Echo(odd))
    assert (result.status, result.cost.errors, result.cost.samples) == ("finished", 2, 20)
    rows = store.query('SELECT "position", "error" FROM "samples" WHERE "error" IS NOT NULL')
    reasons = {row["position"]: row["error"] for row in rows}
    assert "a text of 134 MB; the store takes at most" in reasons[5]
    assert "wanted a count from 0 to 2**53" in reasons[7]
    again = go_on(of, result.run, bench(store, of, Echo(odd)))
    assert (again.status, again.cost.errors) == ("finished", 2)
    healed = go_on(of, result.run, bench(store, of, Echo()))
    assert (healed.status, healed.cost.errors, healed.ungraded) == ("finished", 0, 0)
    store.close()
    assert check_store(store.path).findings == []


def test_a_sample_that_duckdb_refuses_is_a_failed_one(tmp_path: Path, store: Store) -> None:
    with store.cursor() as cursor:
        cursor.execute('CREATE UNIQUE INDEX "one" ON "samples" ("output_text")')
    of = plan(write_evalset(tmp_path / "e"))
    answers = {"9": "8"}
    model = Echo(lambda prompt: Output(answers.get(said(prompt), said(prompt))))
    result = measure(store, of, model)
    assert (result.status, result.cost.errors) == ("finished", 1)
    rows = store.query('SELECT "error" FROM "samples" WHERE "error" IS NOT NULL')
    assert all("not stored: " in row["error"] and "onstraint" in row["error"] for row in rows)


def test_a_verdict_that_the_store_refuses_is_ungraded(tmp_path: Path, store: Store) -> None:
    result = measure(store, plan(write_evalset(tmp_path / "e", items=5)), Echo())
    with store.cursor() as cursor:
        cursor.execute('UPDATE "scores" SET "score" = "position" / 10')
        cursor.execute('CREATE UNIQUE INDEX "one" ON "scores" ("run", "score")')
    grader = read_grader({**CHECK, "name": "other", "input": "same", "reference": "same"})
    row = begin_regrade(store, result.run.run, [grader])
    with Here() as engine:
        regraded = go_on_regrade(store, row, engine)
    (figure,) = regraded.figures.values()
    assert (regraded.status, figure.summary.graded) == ("finished", 1)
    rows = store.query('SELECT DISTINCT "error_label" FROM "scores" WHERE "score" IS NULL')
    assert rows == [{"error_label": "not_stored"}]

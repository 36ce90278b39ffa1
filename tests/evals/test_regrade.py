"""Regrading: nobody is sampled, every verdict is given once, and it goes on from where it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.engines.here import Here
from flywheel.errors import BadOption, ChangedPlan
from flywheel.evals.grading.regrade import begin_regrade, count_left, find_regrade
from flywheel.evals.results.results import Result, load_result
from flywheel.store.store import Store, open_store
from flywheel.store.tables.runs import run_status
from graders.asks import Answer, Ask, Failed, Reply
from graders.definition import read_grader
from graders.grader import Grader
from graders.ungraded import Kind
from tests.evals.world import CHECK, Echo, go_on_regrade, measure, plan, write_evalset

DIGITS = {"type": "string_check", "name": "one", "operation": "like", "reference": "1"}
JUDGED = {
    "type": "score_model",
    "name": "liked",
    "model": "judge",
    "range": [0, 1],
    "input": [{"role": "user", "content": "Do you like {{ sample.output_text }}?"}],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.duckdb") as opened:
        yield opened


@pytest.fixture
def first(store: Store, tmp_path: Path) -> Result:
    """A finished run of 600 answers: more than two batches."""
    return measure(store, plan(write_evalset(tmp_path / "e", items=600)), Echo())


def graders(*definitions: Any) -> list[Grader]:
    return [read_grader(definition) for definition in definitions]


class Judge:
    """Answers what graders ask, `broken` at first, and is stopped by ctrl-C after some answers."""

    def __init__(self, stop_after: int = 10_000, broken: int = 0) -> None:
        self.asked = 0
        self._left, self._broken = stop_after, broken

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        if self._left < len(asks):
            raise KeyboardInterrupt
        self._left -= len(asks)
        self.asked += len(asks)
        broken = min(self._broken, len(asks))
        self._broken -= broken
        out = Failed(Kind.JUDGE_SERVER, "judge", "503")
        said = Reply('{"steps": [], "result": 1.0}', "judge")
        return [out if n < broken else said for n in range(len(asks))]


def test_regrading_asks_nobody(store: Store, first: Result) -> None:
    row = begin_regrade(store, first.run.run, graders(DIGITS, CHECK))
    assert count_left(store, row) == 1200
    moved: list[int] = []
    with Here() as engine:
        result = go_on_regrade(store, row, engine, moved.append)
    assert (result.run.parent, result.status) == (first.run.run, "finished")
    assert list(result.figures) == ["one", "same"]
    ones = sum("1" in str(n) for n in range(600))
    assert result.as_json()["primary"]["mean"] == pytest.approx(ones / 600)
    assert load_result(store, first.run.run).as_json() == first.as_json()
    assert (sum(moved), count_left(store, row)) == (1200, 0)


def test_an_interrupted_regrade_goes_on_where_it_was(store: Store, first: Result) -> None:
    row = begin_regrade(store, first.run.run, graders(CHECK, JUDGED))
    with pytest.raises(KeyboardInterrupt):
        go_on_regrade(store, row, Judge(stop_after=300))
    assert run_status(store, row.run) == "interrupted"
    assert count_left(store, row) == 600 - 256
    judge = Judge()
    result = go_on_regrade(store, find_regrade(store, row.run), judge)
    assert judge.asked == 600 - 256
    assert [figure.summary.n for figure in result.figures.values()] == [600, 600]
    assert (result.status, result.ungraded) == ("finished", 0)
    assert store.query('SELECT count(*) AS "n" FROM "scores" WHERE "run" = ?', [row.run]) == [
        {"n": 1200}
    ]


def test_a_regrade_that_failed_says_so(store: Store, first: Result) -> None:
    class Dead(Judge):
        async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
            raise RuntimeError("no hands")

    row = begin_regrade(store, first.run.run, graders(JUDGED))
    with pytest.raises(RuntimeError):
        go_on_regrade(store, row, Dead())
    (event,) = store.query('SELECT "detail" FROM "run_events" WHERE "status" = ?', ["failed"])
    assert event["detail"] == "RuntimeError: no hands"


def test_what_was_left_ungraded_is_asked_again(store: Store, first: Result) -> None:
    row = begin_regrade(store, first.run.run, graders(JUDGED))
    result = go_on_regrade(store, row, Judge(broken=40))
    assert (result.ungraded, count_left(store, row)) == (40, 40)
    judge = Judge()
    again = go_on_regrade(store, row, judge)
    assert (judge.asked, again.ungraded, again.figures["liked"].summary.n) == (40, 0, 600)


def test_other_graders_are_refused_and_named(store: Store, first: Result) -> None:
    row = begin_regrade(store, first.run.run, graders(CHECK, DIGITS))
    assert find_regrade(store, row.run, graders(CHECK, DIGITS)) == row
    changed = {**DIGITS, "reference": "2"}
    with pytest.raises(ChangedPlan, match=r"graders changed: one was \w{12}, is \w{12}\. Leave"):
        find_regrade(store, row.run, graders(CHECK, changed))
    with pytest.raises(ChangedPlan, match=r"one was .* is not there; liked was not there, is"):
        find_regrade(store, row.run, graders(CHECK, JUDGED))


def test_only_a_run_is_graded_again(store: Store, first: Result) -> None:
    with pytest.raises(
        BadOption, match="is not a regrade; resume with: flywheel eval --resume run-"
    ):
        find_regrade(store, first.run.run)
    row = begin_regrade(store, first.run.run, graders(CHECK))
    with pytest.raises(BadOption, match=f"name {first.run.run}, which has the samples"):
        begin_regrade(store, row.run, graders(CHECK))

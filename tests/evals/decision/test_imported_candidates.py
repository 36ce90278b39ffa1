"""Imported runs are candidates by what they answered, whatever they and their models are called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import NotComparable
from flywheel.evals.decision.gate import Case, judge
from flywheel.importers.formats.inspect_ai import read_inspect
from flywheel.importers.formats.verdict_rows import read_scores
from flywheel.importers.import_runs import import_runs
from flywheel.importers.verdict import Naming
from flywheel.store.store import Store, open_store
from tests.evals.world import Echo, measure, plan, write_evalset, wrong_on

ITEMS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


def rows(run: str, wrong: Sequence[int], items: Sequence[int] = range(ITEMS), **more: Any) -> Any:
    """The verdicts of a run that is wrong on these items."""
    return [
        {"run": run, "item": f"q{n}", "grader": "exact", "score": int(n not in wrong)}
        | {"model": "served", "output": f"{run if n in wrong else 'right'} {n}", **more}
        for n in items
    ]


def imported(path: Path, *runs: Any, evalset: str = "faq", split: str = "test") -> None:
    file = path.with_name("rows.jsonl")
    file.write_text("".join(json.dumps(row) + "\n" for run in runs for row in run))
    import_runs(read_scores, file, Naming(evalset, split), path)


def looks(path: Path, baseline: str, *candidates: str) -> list[int]:
    with open_store(path) as store:
        return [
            judge(store, Case(baseline=baseline, candidate=one)).decision.look for one in candidates
        ]


BASE = rows("base", range(20))


def test_many_imports_of_one_model_are_many_candidates(path: Path) -> None:
    imported(path, BASE, *(rows(f"r{n}", range(n, 20)) for n in range(12)))
    assert looks(path, "base", *(f"r{n}" for n in range(12))) == list(range(1, 13))


def test_an_import_of_the_items_that_were_won_is_refused(path: Path) -> None:
    won = rows("won", range(5), [n for n in range(ITEMS) if n >= 5])
    imported(path, BASE, won)
    with (
        open_store(path) as store,
        pytest.raises(NotComparable, match="won lacks 5 of the items of base: measure both"),
    ):
        judge(store, Case(baseline="base", candidate="won"))


def test_the_same_answers_under_another_name_are_the_same_candidate(path: Path) -> None:
    answers = rows("r", range(10))
    copied = [{**row, "run": "copy", "model": "other"} for row in reversed(answers)]
    imported(path, BASE, answers, copied)
    with (
        open_store(path) as store,
        pytest.raises(NotComparable, match="copy measures again what r measured"),
    ):
        judge(store, Case(baseline="base", candidate="copy"))


def test_other_scores_of_the_same_answers_are_another_candidate(path: Path) -> None:
    answers = rows("r", range(10))
    judged = [{**row, "run": "judged", "score": 1} for row in answers]
    imported(path, BASE, answers, judged)
    assert looks(path, "base", "judged") == [2]


def inspect_log(path: Path, run: str, wrong: Sequence[int]) -> None:
    """A log of inspect whose samples ask what the evalset of the other tests asks."""
    file = path.with_name(f"{run}.json")
    samples = [
        {
            "id": f"other-{n}",
            "epoch": 1,
            "input": f"+{n}",
            "output": {"completion": "no" if n in wrong else str(n)},
            "scores": {"same": {"value": int(n not in wrong)}},
        }
        for n in range(ITEMS)
    ]
    head = {"task": "t", "model": "m", "eval_id": run}
    file.write_text(json.dumps({"status": "success", "eval": head, "samples": samples}))
    import_runs(read_inspect, file, Naming("imported", "test", run), path)


def test_imports_and_measurements_of_the_same_questions_count_together(
    path: Path, tmp_path: Path
) -> None:
    folder = write_evalset(tmp_path / "e", items=ITEMS)
    with open_store(path) as store:
        runs = [run_of(store, folder, wrong_on(*range(20 - n)), f"m{n}") for n in range(3)]
    inspect_log(path, "base", range(20))
    inspect_log(path, "r", range(10))
    assert looks(path, "base", "r") == [4], "three candidates had read the questions"
    assert looks(path, runs[0], runs[1]) == [1]
    with open_store(path) as store:
        last = run_of(store, folder, Echo(), "m3")
    assert looks(path, runs[0], last) == [5], "two measured, and two imported"


def run_of(store: Store, folder: Path, model: Echo, name: str) -> str:
    return measure(store, plan(folder, name, split="test"), model).run.run

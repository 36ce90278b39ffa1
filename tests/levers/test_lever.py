# pyright: reportUnnecessaryTypeIgnoreComment=true
"""The contract of levers: no test split, one shape, and a budget that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel.engines.open import open_engine
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.candidate import Candidate
from flywheel.levers.lever import SealedSplit, Task, TaskEvalset, Work
from flywheel.levers.training.lever import TRAINING_LEVER
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.orders.ordering import with_absolute_paths
from flywheel.levers.training.train import OverBudget
from tests.levers.training.world import config, evalset


def test_a_lever_sees_train_and_dev_and_no_test() -> None:
    whole = load_evalset("ticket_triage")
    seen = TaskEvalset.of(whole)
    assert seen.digest == whole.digest
    assert seen.split("train").digest == whole.split("train").digest
    with pytest.raises(SealedSplit, match="may read train and dev, got 'test'"):
        # A type checker refuses it as well: without the comment this file would not pass.
        seen.split("test")  # pyright: ignore[reportArgumentType]


def test_a_task_has_what_a_lever_may_use(tmp_path: Path) -> None:
    with open_engine() as engine:
        task = Task(evalset=TaskEvalset.of(load_evalset(str(evalset(tmp_path)))), engine=engine)
    assert (sum(1 for _ in task.train), sum(1 for _ in task.dev)) == (16, 3)
    assert not hasattr(task, "test")


def test_a_candidate_changes_something() -> None:
    with pytest.raises(AssertionError, match="changes something"):
        Candidate(lever="sft", seed=0, order="d")


def test_a_training_is_prepared_and_run_as_every_lever_is(tmp_path: Path) -> None:
    given, warned = config(tmp_path, seed=3), list[str]()
    events: list[str] = []
    work = Work(tmp_path / "job", lambda kind, detail: events.append(kind), lambda: "go")
    with open_engine() as engine:
        seen = TaskEvalset.of(load_evalset(given.evalset))
        task = Task(evalset=seen, engine=engine, baseline="run-1", warn=warned.append)
        order = TRAINING_LEVER.prepare(given, task)
    candidate = TRAINING_LEVER.run(order, work)
    assert candidate is not None and candidate.model == tmp_path / "job" / "out"
    assert (candidate.lever, candidate.seed, candidate.order) == ("sft", 3, order.digest)
    assert order.baseline == "run-1" and "below 50, results" in warned[0]
    paused = Work(tmp_path / "other", work.emit, lambda: "pause")
    assert TRAINING_LEVER.run(order, paused) is None


def test_a_budget_is_checked_before_the_first_step(tmp_path: Path) -> None:
    given = config(tmp_path, dollars_per_hour=1e6)
    events: list[str] = []
    work = Work(tmp_path / "job", lambda kind, detail: events.append(kind), lambda: "go")
    with open_engine() as engine:
        task = Task(evalset=TaskEvalset.of(load_evalset(given.evalset)), engine=engine, budget=0.01)
        order = TRAINING_LEVER.prepare(given, task)
        with pytest.raises(BadOption, match="a budget needs dollars_per_hour"):
            TRAINING_LEVER.prepare(given.model_copy(update={"dollars_per_hour": None}), task)
    with pytest.raises(OverBudget, match=r"estimated cost of [\d,.]+ dollars .* budget of 0\.01"):
        TRAINING_LEVER.run(order, work)
    assert "preflight" in events and "step" not in events


def test_a_training_names_its_evalset() -> None:
    with pytest.raises(BadOption, match="needs an evalset; set one"):
        with_absolute_paths(SFT(rows=20))

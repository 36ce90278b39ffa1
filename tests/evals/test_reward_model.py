# pyright: standard
"""A reward model grades runs as any grader does, and its weights are part of what was measured."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from flywheel.engines.here import Here
from flywheel.errors import BadOption, ChangedPlan, NotComparable
from flywheel.evals.decision.compare import compare
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.grading.regrade import begin_regrade, find_regrade
from flywheel.evals.results.results import Result
from flywheel.samplers.local.scoring.reward import LocalRewardModel
from flywheel.store.store import Store, open_store
from graders.asks import Rated
from graders.definition import read_grader
from graders.models.reward_model import RewardModelGrader
from tests.evals.world import CHECK, Echo, bench, go_on, go_on_regrade, measure, plan, write_evalset
from tests.samplers.rewarding import ask, save_reward_model

RAW = {"type": "reward_model", "name": "liked", "raw": True, "range": [-1000, 1000]}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two reward models of one shape and other weights."""
    folder = tmp_path_factory.mktemp("models")
    return (
        save_reward_model(folder / "one"),
        save_reward_model(folder / "two", initializer_range=0.3),
    )


@pytest.fixture
def liked(tmp_path: Path, models: tuple[Path, Path]) -> Path:
    """A copy of the first, which may be changed."""
    return Path(shutil.copytree(models[0], tmp_path / "liked"))


def evalset(folder: Path, model: Path, **fields: Any) -> Path:
    graders = [CHECK, {**RAW, "model": str(model)}]
    return write_evalset(folder, items=4, **{"graders": graders, **fields})


def numbers(model: Path) -> list[float]:
    """What the model says to the right answers."""
    asks = [ask(str(n), f"Say {n}.") for n in range(4)]
    return [one.value for one in LocalRewardModel(str(model)).rate(asks) if isinstance(one, Rated)]


def mean(result: Result, grader: str) -> float | None:
    return result.figures[grader].summary.mean


def test_an_evalset_tells_it_its_prompt(tmp_path: Path, liked: Path) -> None:
    parts = {"a": {"type": "reward_model", "model": str(liked)}}
    multi = {"type": "multi", "name": "all", "graders": parts, "calculate_output": "a"}
    tool = {"type": "function", "function": {"name": "find"}}
    folder = evalset(tmp_path / "e", liked, graders=[CHECK, RAW | {"model": "m"}, multi])
    _, grader, whole = load_evalset(str(folder)).graders
    asked = [{"role": "user", "content": "Say {{ item.gold }}."}]
    assert grader == read_grader({**RAW, "model": "m", "input": asked})
    assert whole.model_dump()["graders"]["a"]["input"][0] == asked[0]
    folder = evalset(tmp_path / "f", liked, prompt="{{ item.messages }}", tools=[tool])
    grader = load_evalset(str(folder)).graders[1]
    assert isinstance(grader, RewardModelGrader)
    assert (grader.input, grader.tools) == ("{{ item.messages }}", (tool,))


def test_it_grades_a_run_and_another_prompt_does_not_change_what_it_reads(
    store: Store, tmp_path: Path, liked: Path
) -> None:
    folder = evalset(tmp_path / "e", liked)
    wanted = sum(numbers(liked)) / 4
    result = measure(store, plan(folder), Echo())
    assert mean(result, "liked") == pytest.approx(wanted, abs=1e-4)
    other = tmp_path / "prompt.yaml"
    other.write_text('[{role: user, content: "Say {{ item.gold }}."}, {role: user, content: x}]')
    asked = plan(folder, prompt=other)
    result = measure(store, asked, Echo(lambda text: Echo()._answer(text.splitlines()[0])))
    assert mean(result, "same") == 1.0
    assert mean(result, "liked") == pytest.approx(wanted, abs=1e-4)


def test_other_weights_are_another_grader(
    store: Store, tmp_path: Path, liked: Path, models: tuple[Path, Path]
) -> None:
    folder = evalset(tmp_path / "e", liked)
    first = measure(store, plan(folder, "a"), Echo())
    again = measure(store, plan(folder, "b"), Echo())
    assert compare(store, first.run.run, [again.run.run]).candidates
    shutil.copytree(models[1], liked, dirs_exist_ok=True)
    changed = plan(folder, "c")
    assert changed.identity["evalset"] == first.run.evalset_digest
    last = measure(store, changed, Echo())
    assert mean(last, "liked") == pytest.approx(sum(numbers(models[1])) / 4, abs=1e-4)
    with pytest.raises(NotComparable, match=r"graders \(liked: another definition, model or"):
        compare(store, first.run.run, [last.run.run])
    of = plan(folder, "a")
    with pytest.raises(ChangedPlan, match="because graders changed"):
        go_on(of, first.run, bench(store, of, Echo()))


def test_a_run_does_not_begin_without_the_model(store: Store, tmp_path: Path, liked: Path) -> None:
    folder = evalset(tmp_path / "e", liked)
    shutil.rmtree(liked)
    with pytest.raises(BadOption, match=r"no model .*liked' on this machine"):
        measure(store, plan(folder), Echo())
    assert not store.query('SELECT "run" FROM "runs"')


def test_a_regrade_is_told_the_prompt_and_tied_to_the_weights(
    store: Store, tmp_path: Path, liked: Path, models: tuple[Path, Path]
) -> None:
    first = measure(store, plan(write_evalset(tmp_path / "e", items=4)), Echo())
    grader = read_grader({**RAW, "model": str(liked)})
    row = begin_regrade(store, first.run.run, [grader])
    with Here() as engine:
        result = go_on_regrade(store, row, engine)
    assert mean(result, "liked") == pytest.approx(sum(numbers(liked)) / 4, abs=1e-4)
    assert find_regrade(store, row.run, [grader]) == row
    left = begin_regrade(store, first.run.run, [grader])
    shutil.copytree(models[1], liked, dirs_exist_ok=True)
    with pytest.raises(ChangedPlan, match="graders changed: liked was"):
        find_regrade(store, row.run, [grader])
    with Here() as engine:
        result = go_on_regrade(store, left, engine)
    assert (result.ungraded, mean(result, "liked")) == (4, None)

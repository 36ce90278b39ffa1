"""The artifact: more answers differ than one and the same model gives by chance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel.engines.engine import EngineSpec
from flywheel.errors import NotComparable
from flywheel.evals.decision.gate import Verdict
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.run.choose import Choice, plan_of
from flywheel.samplers.sampler import Output
from flywheel.store.store import Store, open_store
from tests.evals.decision.gated import gate, run_of
from tests.evals.world import Echo, measure, said, say, write_evalset, wrong_on

BAD = wrong_on(*range(40))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_evalset(tmp_path / "e", items=60)


def artifact(verdict: Verdict) -> tuple[str, str]:
    (found,) = [check for check in verdict.decision.checks if check.name == "artifact"]
    return found.state, found.reason


def test_one_answer_that_differs_is_no_other_model(store: Store, folder: Path) -> None:
    base = run_of(store, folder, wrong_on(0), "base")
    verdict = gate(store, base, run_of(store, folder, Echo(), "c"))
    state, reason = artifact(verdict)
    assert (state, verdict.decision.outcome) == ("open", "undecided")
    assert "1 of 60 answers differ, and up to 2 may by chance" in reason


def provided(store: Store, folder: Path, name: str, model: Echo, **choice: Any) -> str:
    """A run of an endpoint's model."""
    chosen = Choice(
        evalset=load_evalset(str(folder)), model=f"https://host/v1#{name}", split="test", **choice
    )
    return measure(store, plan_of(chosen, EngineSpec()), model).run.run


def test_a_provider_is_held_to_how_often_it_differs_from_itself(store: Store, folder: Path) -> None:
    base = provided(store, folder, "base", BAD)
    candidate = provided(store, folder, "c", wrong_on(*range(3, 40)))
    state, reason = artifact(gate(store, base, candidate))
    assert (state, "up to 3 may by chance" in reason) == ("open", True), "1 in 100"
    seen: dict[str, int] = {}

    def unsteady(prompt: str) -> Output:
        seen[prompt] = seen.get(prompt, 0) + 1
        return Output(f"no {seen[prompt]}") if int(said(prompt)) < 6 else say(prompt)

    twice = provided(store, folder, "twice", Echo(unsteady), repeats=2)
    again = provided(store, folder, "again", wrong_on(*range(20)), repeats=2)
    state, reason = artifact(gate(store, twice, again))
    assert (state, "40 of 120 answers differ" in reason) == ("pass", True), "1 in 10 is below"


def test_the_baseline_measured_again_is_kept_and_not_promoted(store: Store, folder: Path) -> None:
    base = run_of(store, folder, BAD, "base")
    lucky = run_of(store, folder, Echo(), "base", anew=True)
    verdict = gate(store, base, lucky)
    assert (verdict.decision.outcome, artifact(verdict)[0]) == ("keep", "fail")
    assert "are the baseline's own: the change never reached the model" in artifact(verdict)[1]
    with pytest.raises(NotComparable, match=f"{lucky} measures again what {base} measured"):
        gate(store, lucky, base)

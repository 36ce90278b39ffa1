"""A small evalset, a store and scripted models for the tests of runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from flywheel.engines.engine import EngineSpec
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.grading import regrade
from flywheel.evals.results.results import Result
from flywheel.evals.run import measure as measuring
from flywheel.evals.run.choose import Choice, plan_of
from flywheel.evals.run.measure import Bench, begin
from flywheel.evals.run.plan import Plan
from flywheel.samplers.sampler import Output, Request, Sampler
from flywheel.store.store import Store
from flywheel.store.tables.runs import Kind, RunRow
from flywheel.synchronous import result_of
from graders.ungraded import Usage
from tests.engines.opened import engine_of

CHECK: dict[str, Any] = {
    "type": "string_check",
    "name": "same",
    "operation": "eq",
    "reference": "{{ item.gold }}",
}


def write_evalset(folder: Path, items: int = 20, **fields: Any) -> Path:
    """An evalset whose items ask for their own number; those of test say it with a sign."""
    folder.mkdir(parents=True, exist_ok=True)
    definition = {
        "prompt": [{"role": "user", "content": "Say {{ item.gold }}."}],
        "gold": "{{ item.gold }}",
        "graders": [CHECK],
        "primary": "same",
        **fields,
    }
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))
    for split, sign in (("train", ""), ("dev", ""), ("test", "+")):
        rows = [
            {"id": f"i{n}", "gold": f"{sign}{n}", "kind": "even" if n % 2 == 0 else "odd"}
            for n in range(items)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def go_on(of: Plan, row: RunRow, bench: Bench) -> Result:
    """Do what is left of a run, and wait for it."""
    return result_of(measuring.go_on(of, row, bench))


def go_on_regrade(*arguments: Any) -> Result:
    """Do what is left of a regrade, and wait for it."""
    return result_of(regrade.go_on_regrade(*arguments))


class Echo:
    """A model that says what it is told to, and counts how often it was asked.

    `answer` may change what it says to a prompt; an output with an error is a failed request.
    """

    def __init__(self, answer: Callable[[str], Output] | None = None) -> None:
        self.asked: list[Request] = []
        self._answer = answer or say

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Answer every request once, the last one first."""
        for index in reversed(range(len(requests))):
            self.asked.append(requests[index])
            yield index, self._answer(requests[index].text())


def said(prompt: str) -> str:
    """The number in the prompt, without a sign."""
    return _gold(prompt).removeprefix("+")


def say(prompt: str) -> Output:
    """The right answer."""
    return Output(_gold(prompt), "echo", Usage(3, 1), seconds=0.01)


def _gold(prompt: str) -> str:
    return prompt.removeprefix("Say ").removesuffix(".")


def wrong_on(*numbers: int) -> Echo:
    """A model that is wrong on these items."""
    wrong = {str(number) for number in numbers}
    return Echo(lambda prompt: Output("no") if said(prompt) in wrong else say(prompt))


def failing_on(*numbers: int) -> Echo:
    """A model whose requests fail on these items."""
    failing = {str(number) for number in numbers}
    return Echo(lambda prompt: Output(error="503") if said(prompt) in failing else say(prompt))


def plan(folder: Path, model: str = "", **choice: Any) -> Plan:
    """A plan on that evalset. The model's name is a script that exists, for its digest.

    Each name of `model` is a model of its own.
    """
    script = folder / f"{model or 'model'}.jsonl"
    script.write_text(f'{{"{model}": 1}}\n' if model else "")
    return plan_of(
        Choice(evalset=load_evalset(str(folder)), model=f"scripted:{script}", **choice),
        EngineSpec(),
    )


def bench(store: Store, of: Plan, sampler: Sampler, judge: Sampler | None = None) -> Bench:
    """Where a plan is measured whose model is this sampler. Its engine opens nothing."""
    return Bench(store, engine_of(judge, {of.model: sampler}))


def measure(store: Store, of: Plan, sampler: Sampler, kind: Kind = "eval", **bench: Any) -> Result:
    """Measure a plan from its beginning."""
    with engine_of(bench.pop("judge", None), {of.model: sampler}, workers=1) as engine:
        return go_on(of, begin(of, store, kind), Bench(store, engine, **bench))

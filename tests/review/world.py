"""Stores with runs for the tests of the review: whatever two models are to say, they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flywheel.samplers.sampler import Output
from flywheel.store.store import Store, open_store
from tests.evals.world import Echo, measure, plan, said, say, write_evalset

Answer = Callable[[int], str | None]


def right(number: int) -> str:
    """What every item asks for."""
    return str(number)


def wrong_on(*numbers: int) -> Answer:
    """Wrong on these items."""
    return lambda number: f"not {number}" if number in numbers else str(number)


def model(answer: Answer) -> Echo:
    """A model that answers each item so; None is a failed request."""

    def output(prompt: str) -> Output:
        text = answer(int(said(prompt)))
        return Output(error="503") if text is None else say(prompt)._replace(text=text)

    return Echo(output)


def run_of(store: Store, folder: Path, answer: Answer, name: str, **choice: Any) -> str:
    """A finished run; each name is a model of its own. One called `base` is a baseline."""
    kind = "baseline" if name == "base" else "eval"
    return measure(store, plan(folder, name, **choice), model(answer), kind).run.run


def make_store(folder: Path, *answers: Answer, items: int = 12, **fields: Any) -> list[str]:
    """A store `s.duckdb` with a run for each of these models, the first the baseline."""
    evalset = write_evalset(folder / "e", items, **fields)
    with open_store(folder / "s.duckdb") as store:
        return [
            run_of(store, evalset, answer, f"model-{number}" if number else "base")
            for number, answer in enumerate(answers)
        ]

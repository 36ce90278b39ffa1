"""Makes a plan from the arguments of a command, or from a run in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flywheel.engines.engine import EngineSpec
from flywheel.evals.evalset.evalset import SPLITS, Evalset, Prompt, load_evalset, split_named
from flywheel.evals.run.plan import Plan, load_prompt
from flywheel.store.reader import Reader
from flywheel.store.tables.definitions import prompt_messages
from flywheel.store.tables.runs import RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to measure, by name. None means the evalset's default."""

    evalset: Evalset
    model: str
    split: str = "dev"
    prompt: Path | None = None
    repeats: int | None = None
    limit: int | None = None
    temperature: float | None = None


def plan_of(choice: Choice, spec: EngineSpec) -> Plan:
    """The plan of this choice. Raises a FlywheelError for the first invalid part."""
    evalset = choice.evalset
    definition = evalset.definition
    sampling = definition.sampling.model_dump()
    if choice.temperature is not None:
        sampling["temperature"] = choice.temperature
    return Plan(
        evalset=evalset,
        split=split_named(choice.split),
        model=choice.model,
        model_digest=spec.model_digest(choice.model),
        prompt=load_prompt(choice.prompt) if choice.prompt else definition.prompt,
        sampling=sampling,
        repeats=choice.repeats or definition.repeats,
        limit=choice.limit,
        judge=spec.judge_digest,
    )


def plan_of_run(store: Reader, run: RunRow, spec: EngineSpec, evalset: str | None = None) -> Plan:
    """The plan of a run as it would be today. `evalset` names a folder that is not found by name.

    Prompt, sampling and repeats are the run's own; evalset and model are read again, and
    `Plan.check_same` raises if they changed.
    """
    prompt = json.loads(prompt_messages(store, run.prompt_digest) or "null")
    adapter: TypeAdapter[Any] = TypeAdapter(Prompt)
    return Plan(
        evalset=load_evalset(evalset or run.evalset),
        split=next(name for name in SPLITS if name == run.split),
        model=run.model,
        model_digest=spec.model_digest(run.model),
        prompt=adapter.validate_python(prompt),
        sampling=json.loads(run.sampling)["sampling"],
        repeats=run.repeats,
        limit=run.items,
        judge=spec.judge_digest,
    )

"""An order: a config with every number resolved, and the digests of the training's inputs.

It is stored as order.json in the job's folder, where the worker process reads it. A resumed
training first checks that none of its inputs has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from flywheel.document import read_text
from flywheel.errors import BadFile, FlywheelError
from flywheel.evals.evalset.evalset import Evalset, load_evalset
from flywheel.jobs.records.journal import read_events
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.objectives.union import AnyObjective, objective
from flywheel.levers.training.orders.numbers import Numbers
from flywheel.levers.training.rewards.reward_check import RewardCheck
from flywheel.store.rows.digest import digest_bytes, digest_file

FILE = "order.json"


class ChangedOrder(FlywheelError):
    """A training cannot be resumed because its order or an input has changed."""


class Digests(BaseModel):
    """The digests of a training's inputs. `data` is the training file or the train split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    data: str
    evalset: str
    dev: str
    prompt: str
    sampling: str
    graders: dict[str, str]


class Order(BaseModel):
    """A complete description of a training.

    `rows` is the number of training rows, `baseline` the run to beat, `rewards` the result of the
    rewards' check, and `budget` the maximum cost in dollars.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: AnyObjective
    numbers: Numbers
    digests: Digests
    rows: int
    baseline: str | None = None
    rewards: RewardCheck | None = None
    budget: float | None = None

    def save(self, folder: Path) -> None:
        """Write order.json into the job's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(self.text, encoding="utf-8")

    @property
    def text(self) -> str:
        """The content of order.json."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def digest(self) -> str:
        """The digest of order.json, which the job's journal records when the job is accepted."""
        return digest_bytes(self.text.encode())

    def check_unchanged(self) -> None:
        """Raise ChangedOrder, naming the inputs that have changed since the order was made."""
        current = digests_of(self.config, load_evalset(self.config.evalset))
        then, now = self.digests.model_dump(), current.model_dump()
        changed = [_NAMES[name] for name in then if then[name] != now[name]]
        if changed:
            raise ChangedOrder(
                f"this training cannot resume because {', '.join(changed)} changed since it was"
                " started; restore the original, or start a new training"
            )


_NAMES = {
    "base": "the base model",
    "data": "the training data",
    "evalset": "the evalset",
    "dev": "the dev split",
    "prompt": "the prompt",
    "sampling": "the sampling",
    "graders": "the graders",
}


def load_order(folder: Path) -> Order:
    """The order in a job's folder. Raises BadFile, and ChangedOrder for one that was edited."""
    path = folder / FILE
    text = read_text(path, regular=True)
    first = next(read_events(folder), None)
    accepted = first.detail.get("order") if first and first.kind == "accepted" else None
    if accepted not in (None, digest_bytes(text.encode())):
        raise ChangedOrder(
            f"{path} was edited after the job was accepted, so the job cannot resume; restore the"
            " file, or start a new training with the settings that you want"
        )
    try:
        return read_order(json.loads(text))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise BadFile(f"{path}: {place}: {fault['msg']}; start a new training") from None
    except ValueError as error:
        raise BadFile(f"{path} is not JSON: {error}; start a new training") from None


def read_order(value: Any) -> Order:
    """An order from JSON, also in the format of the first edition. Raises ValidationError."""
    order = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    config, numbers = order.get("config"), order.get("numbers")
    if isinstance(config, dict) and isinstance(numbers, dict):
        known = stored_config(cast("dict[str, Any]", config))
        own = _with_own(cast("dict[str, Any]", numbers), known)
        return Order.model_validate({**order, "config": known, "numbers": own})
    return Order.model_validate(value)


def stored_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a stored order, without the settings of other levers.

    The first edition wrote those into every order, with their default values.
    """
    known = objective(config.get("lever"))
    if known is None:
        return dict(config)
    own = {name: value for name, value in config.items() if name in known.model_fields}
    match own.get("method"):
        case {"kind": "full"}:
            own["method"] = {"kind": "full"}
        case _:
            pass
    return own


def _with_own(numbers: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers with `own`: the first edition stored the lever's numbers among the others."""
    if "own" in numbers:
        return dict(numbers)
    shared = {name: value for name, value in numbers.items() if name in Numbers.model_fields}
    own = {name: numbers[name] for name in config if name in numbers and name not in shared}
    return {**shared, "own": own}


def digests_of(config: TrainingConfig, evalset: Evalset) -> Digests:
    """The current digests of everything that the config names. Raises a FlywheelError."""
    plan = config.dev_plan(evalset)
    same = plan.identity
    return Digests(
        base=same["model"],
        data=_digest(config.data) if config.data else plan.evalset.split("train").digest,
        evalset=same["evalset"],
        dev=same["split"],
        prompt=same["prompt"],
        sampling=same["sampling"],
        graders=dict(plan.grader_digests),
    )


def _digest(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None

"""An order: a config, every number settled, and the digests of all that the training depends on.

It is JSON both ways: a job's folder holds it as order.json, and a child process trains by it. A
training that goes on after a stop checks first that nothing it depends on has changed meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flywheel.document import read_text
from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadFile, FlywheelError
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.run.plan import Plan
from flywheel.jobs.journal import read_events
from flywheel.levers.training.config import Schedule, TrainConfig
from flywheel.levers.training.rewards.reward_check import RewardCheck
from flywheel.store.rows.digest import digest_bytes, digest_file

FILE = "order.json"


class ChangedOrder(FlywheelError):
    """A training cannot go on: what it depends on is not what it began with."""


class Numbers(BaseModel):
    """Every number of a config without "auto". `why` says where those come from that were chosen.

    Intervals and `warmup` are in steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Schedule = "linear"
    warmup: int
    max_length: int
    beta: float
    sft_weight: float
    eval_interval: int
    save_interval: int
    max_completion_tokens: int
    compute_multiplier: float
    why: dict[str, str] = {}


class Digests(BaseModel):
    """What a training depends on, by content. `data` is the training file or the train split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    data: str
    evalset: str
    dev: str
    prompt: str
    sampling: str
    graders: dict[str, str]


class Order(BaseModel):
    """All that a training is. `rows` are those that it learns from, `baseline` the run to beat.

    `rewards` says how the rewards of an RFT were checked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: TrainConfig
    numbers: Numbers
    digests: Digests
    rows: int
    baseline: str | None = None
    rewards: RewardCheck | None = None

    def save(self, folder: Path) -> None:
        """Write order.json into the job's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(self.text, encoding="utf-8")

    @property
    def text(self) -> str:
        """What order.json holds."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def digest(self) -> str:
        """What ties a job to its order: the journal keeps it from the start."""
        return digest_bytes(self.text.encode())

    def check_unchanged(self) -> None:
        """Raise ChangedOrder, naming what changed, when it is not what the order was made of."""
        then, now = self.digests.model_dump(), digests_of(self.config).model_dump()
        changed = [_NAMES[name] for name in then if then[name] != now[name]]
        if changed:
            raise ChangedOrder(
                f"this training cannot go on, for {', '.join(changed)} changed since it was"
                " ordered; put back what was there, or start a new training"
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
        return Order.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise BadFile(f"{path}: {place}: {fault['msg']}; start the training anew") from None


def dev_plan(config: TrainConfig) -> Plan:
    """How the dev split is asked of the base model: what a baseline measures, and each exam too."""
    evalset, spec = load_evalset(config.evalset), engine_spec(config)
    definition = evalset.definition
    return Plan(
        evalset=evalset,
        split="dev",
        model=config.model,
        model_digest=spec.model_digest(config.model),
        prompt=definition.prompt,
        sampling=definition.sampling.model_dump(),
        repeats=definition.repeats,
        judge=spec.judge_digest,
    )


def digests_of(config: TrainConfig) -> Digests:
    """The digests of all that the config names, as it is now. Raises a FlywheelError."""
    plan = dev_plan(config)
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


def engine_spec(config: TrainConfig) -> EngineSpec:
    """How a training asks models and grades."""
    return EngineSpec(judge=config.judge, judge_key_env=config.judge_api_key_env)


def _digest(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None

"""The config of a training: the settings that all objectives share, and the objective's interface.

An objective is a class in objectives/ with its own settings, row formats, default values and
trainer. No other file branches on its name. `orders/auto_numbers.py` chooses the values of settings
that are "auto", and gives the reasons.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast

from pydantic import BaseModel, Field, model_validator

from flywheel.data.rows.training_row import Kind, TrainingRow
from flywheel.engines.engine import Answerer, EngineSpec
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import Evalset, EvalsetDefinition
from flywheel.evals.evalset.items import Item
from flywheel.evals.run.plan import Plan
from flywheel.extras import need
from flywheel.jobs.process import Emit
from flywheel.jobs.progress import Progress
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.exams.roles import Roles, roles_of
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.methods.lora import LoRA
from flywheel.levers.training.methods.union import AnyMethod
from flywheel.levers.training.orders.numbers import Numbers, Schedule
from flywheel.levers.training.rewards.reward_check import RewardCheck
from flywheel.levers.training.rows import masks

PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft", "datasets")
Auto = Literal["auto"]
Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
Count = Annotated[int, Field(ge=1)]
# The fine-tuning API's own limits.
Beta = Annotated[float, Field(gt=0, le=2)]
# The kind of an event, and what it holds.
Event = tuple[str, dict[str, Any]]


class Rates(NamedTuple):
    """Default learning rates, each for a model of 1 million and of 7 billion parameters."""

    adapter: tuple[float, float]
    full: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Setup:
    """The inputs of a trainer. `folder` is the job's; `engine` answers the requests of graders."""

    base: Base
    rows: Sequence[TrainingRow]
    numbers: Numbers
    evalset: Evalset
    folder: Path
    engine: Answerer
    progress: Progress = field(default_factory=Progress)
    callbacks: Sequence[Any] = ()

    def kwargs(self, dataset: Any) -> dict[str, Any]:
        """The keyword arguments that every trainer takes besides its config."""
        return {
            "model": self.base.model,
            "processing_class": self.base.tokenizer,
            "train_dataset": dataset,
            "callbacks": list(self.callbacks),
        }


class TrainingConfig(BaseModel, ABC, frozen=True, extra="forbid", allow_inf_nan=False):
    """One training.

    - `data` is a training file; without one, rows are made from the evalset's train split, if the
      objective supports it. `rows` limits training to the first N.
    - `allow_leaks` permits rows that overlap with items of dev or test; otherwise they are refused.
    - `judge` is the judge model, with the same syntax as `model`. `judge_api_key_env` is the
      environment variable with the API key of its endpoint, by default OPENAI_API_KEY.
    - `steps` overrides `epochs`. `warmup` and the intervals are in steps.
    - `eval_samples` is the number of dev items per exam, None for all. `patience` stops after that
      many exams without improvement. `keep` is the number of checkpoints kept.
    - `trackers` receive each step and exam; the default one is skipped if it is not installed.
    - `dollars_per_hour` is the machine's price, used to estimate the cost of the training.
    """

    lever: str
    model: Annotated[str, Field(min_length=1)] = "tiny"
    evalset: str = ""
    judge: str | None = None
    judge_api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] | None = None
    data: Path | None = None
    rows: Count | None = None
    allow_leaks: bool = False
    method: AnyMethod = LoRA()
    epochs: Annotated[int, Field(ge=1, le=50)] | Auto = "auto"
    steps: Count | None = None
    batch_size: Annotated[int, Field(ge=1, le=256)] | Auto = "auto"
    learning_rate: Annotated[float, Field(gt=0, le=1)] | Auto = "auto"
    schedule: Schedule | Auto = "auto"
    warmup: Annotated[int, Field(ge=0)] | Auto = "auto"
    max_length: Annotated[int, Field(ge=8)] | Auto = "auto"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    eval_interval: Count | Auto = "auto"
    eval_samples: Count | None = None
    save_interval: Count | Auto = "auto"
    patience: Count | None = None
    keep: Count = 3
    trackers: tuple[Tracker, ...] = ("tensorboard",)
    dollars_per_hour: Annotated[float, Field(ge=0)] | None = None

    # The kinds of rows that it accepts, and their description for messages.
    row_kinds: ClassVar[tuple[Kind, ...]]
    row_format: ClassVar[str]
    learns_split: ClassVar[bool] = True
    # Defaults for settings that are "auto".
    rates: ClassVar[Rates]
    usual_batch: ClassVar[int] = 16
    usual_steps: ClassVar[int | None] = None
    usual_schedule: ClassVar[tuple[Schedule, str]] = ("linear", "")
    usual_exams: ClassVar[int | None] = None
    # Whether the model gets a scoring head instead of learning to generate text.
    scores: ClassVar[bool] = False
    # Which checkpoints are kept: the newest, or those with the best exams.
    keeps: ClassVar[Literal["newest", "best"]] = "newest"

    @abstractmethod
    def trainer(self, setup: Setup) -> Any:
        """The trainer. Raises NothingToLearn, NotTrainable with the row's location, BadOption."""

    def split_rows(self, evalset: Evalset, items: Sequence[Item]) -> list[TrainingRow]:
        """The rows made from the evalset's train split. Raises BadOption if not supported."""
        raise BadOption(f"{self.lever} needs a training file; pass --set data=FILE")

    def file_rows(self, rows: list[TrainingRow]) -> list[TrainingRow]:
        """The rows of a training file, converted for the trainer."""
        return rows

    def sampled_rows(self, setup: Setup) -> Sequence[TrainingRow]:
        """The rows, with answers sampled from the model where the objective needs them."""
        return setup.rows

    def own_numbers(self, answer: int | None) -> Mapping[str, tuple[float, str]]:
        """Defaults for the objective's own settings, each with its reason.

        `answer` is the evalset's limit on the tokens of an answer.
        """
        return {}

    def rewards(self, definition: EvalsetDefinition) -> Mapping[str, float]:
        """The reward graders with their weights; empty for most objectives."""
        return {}

    def check_rewards(
        self, plan: Plan, engine: Answerer, warn: Callable[[str], None]
    ) -> RewardCheck | None:
        """The result of the check of the rewards, None without rewards. Raises WeakReward."""
        return None

    @property
    def engine_spec(self) -> EngineSpec:
        """The engine of the training: judge and API key."""
        return EngineSpec(judge=self.judge, judge_key_env=self.judge_api_key_env)

    def dev_plan(self, evalset: Evalset) -> Plan:
        """The plan of an evaluation on dev, the same for the baseline and every exam."""
        definition, spec = evalset.definition, self.engine_spec
        return Plan(
            evalset=evalset,
            split="dev",
            model=self.model,
            model_digest=spec.model_digest(self.model),
            prompt=definition.prompt,
            sampling=definition.sampling.model_dump(),
            repeats=definition.repeats,
            judge=spec.judge_digest,
        )

    def check_packages(self) -> None:
        """Raise MissingExtra for packages that are not installed. Imports none of them."""
        need(*PACKAGES, *self.method.packages)

    def roles(self, definition: EvalsetDefinition) -> Roles:
        """The roles of the evalset's graders in this training. Raises BadOption."""
        return roles_of(self.rewards(definition), definition)

    def describe_rows(self, trainer: Any, setup: Setup) -> Iterator[Event]:
        """Events that describe the training data."""
        dataset, template = trainer.train_dataset, setup.base.template
        yield "masks", masks.describe(dataset, len(setup.rows), template)

    def probe(self, trainer: Any, setup: Setup) -> str | None:
        """A message for the user from a check before the first step, or None."""
        return None

    def row_lengths(self, trainer: Any, base: Base) -> list[int]:
        """The number of tokens of each row of the trainer's dataset."""
        names = ("input_ids", "prompt_ids", "completion_ids", "chosen_ids", "rejected_ids")
        return [
            sum(len(row[name]) for name in names if name in row) for row in trainer.train_dataset
        ]

    def step_inputs(self, trainer: Any, rows: Sequence[Any], batch_size: int) -> Sequence[Any]:
        """The inputs of one step on these rows, one for each forward pass."""
        return [trainer._prepare_inputs(trainer.data_collator(list(rows)))]

    def largest_input(self, trainer: Any, part: Any) -> Any | None:
        """The largest input that a later step may have, None if `part` is as large."""
        return None

    def after_exam(self, roles: Roles, exams: Sequence[ExamResult], emit: Emit) -> None:
        """Called after each exam with all exams so far, the newest last."""

    @model_validator(mode="before")
    @classmethod
    def _has_only_its_own_settings(cls, given: Any) -> Any:
        """Refuse the settings of other levers by name, also when pydantic is called directly."""
        for name in cast("dict[str, Any]", given) if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                raise ValueError(unknown_setting(cls, name))
        return cast("Any", given)

    @model_validator(mode="after")
    def _has_rows(self) -> Self:
        if self.data is None and not self.learns_split:
            raise ValueError(f"{self.lever} needs data: a training file")
        return self


def unknown_setting(config: type[TrainingConfig], name: str) -> str:
    """The message for an unknown setting: which levers have it, and which settings exist."""
    lever, fields = config.model_fields["lever"].default, list(config.model_fields)
    others = [
        other.model_fields["lever"].default
        for other in TrainingConfig.__subclasses__()
        if name in other.model_fields
    ]
    near = get_close_matches(name, fields, 1)
    hint = f"; {' and '.join(others)} {'has' if len(others) == 1 else 'have'} it" if others else ""
    hint = hint or (f"; did you mean {near[0]}?" if near else "")
    return f"{lever} has no setting {name!r}{hint}; remove it. Settings of {lever}: " + ", ".join(
        fields
    )

"""The config of a training: the settings that every objective has, and what each objective says.

An objective is a class in objectives/: its own settings, the rows that it learns from, its usual
numbers and its trainer. Nothing outside its file asks for its name. "auto" leaves a number to
`flywheel.levers.training.orders.auto_numbers`, which gives its reason.
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
    """Usual learning rates, each for a million and for seven billion parameters."""

    adapter: tuple[float, float]
    full: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a trainer is built from. `folder` is the job's; `engine` answers what graders ask."""

    base: Base
    rows: Sequence[TrainingRow]
    numbers: Numbers
    evalset: Evalset
    folder: Path
    engine: Answerer
    progress: Progress = field(default_factory=Progress)
    callbacks: Sequence[Any] = ()

    def kwargs(self, dataset: Any) -> dict[str, Any]:
        """What every trainer gets beside its arguments."""
        return {
            "model": self.base.model,
            "processing_class": self.base.tokenizer,
            "train_dataset": dataset,
            "callbacks": list(self.callbacks),
        }


class TrainingConfig(BaseModel, ABC, frozen=True, extra="forbid", allow_inf_nan=False):
    """One training.

    - `data` is a training file; without one, the rows are made of the evalset's train split, where
      the objective can. `rows` takes the first only.
    - `allow_leaks` trains on rows that overlap with items of dev or test, refused otherwise.
    - `judge` answers graders that ask a model, named like a model. `judge_api_key_env` names the
      environment variable that holds the key of its endpoint, by default OPENAI_API_KEY.
    - `steps` wins over `epochs`. `warmup` and the intervals are in steps.
    - `eval_samples` dev items are asked at each exam, None is all. `patience` stops after that many
      exams without a better one. `keep` checkpoints stay.
    - `trackers` get each step and exam; the default one is left out where it is missing.
    - `dollars_per_hour` is what the machine costs: the price of the training is estimated by it.
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

    # The kinds of rows that it learns from, and how to describe them to a user.
    row_kinds: ClassVar[tuple[Kind, ...]]
    row_format: ClassVar[str]
    learns_split: ClassVar[bool] = True
    # Usual numbers, where the config leaves them open.
    rates: ClassVar[Rates]
    usual_batch: ClassVar[int] = 16
    usual_steps: ClassVar[int | None] = None
    usual_schedule: ClassVar[tuple[Schedule, str]] = ("linear", "")
    usual_exams: ClassVar[int | None] = None
    # Whether it gives the model a head that scores, instead of training it to write.
    scores: ClassVar[bool] = False
    # Which checkpoints stay: the newest, or those with the best exams.
    keeps: ClassVar[Literal["newest", "best"]] = "newest"

    @abstractmethod
    def trainer(self, setup: Setup) -> Any:
        """The trainer. Raises NothingToLearn, NotTrainable with a row's place, or BadOption."""

    def split_rows(self, evalset: Evalset, items: Sequence[Item]) -> list[TrainingRow]:
        """The rows of the evalset's train split. Raises BadOption where none can be made."""
        raise BadOption(f"{self.lever} learns from a file; name one with --set data=FILE")

    def file_rows(self, rows: list[TrainingRow]) -> list[TrainingRow]:
        """The rows of a training file, as the trainer takes them."""
        return rows

    def sampled_rows(self, setup: Setup) -> Sequence[TrainingRow]:
        """The rows with what the model itself must add to them before it learns."""
        return setup.rows

    def own_numbers(self, answer: int | None) -> Mapping[str, tuple[float, str]]:
        """Values for the numbers that only this objective has, each with its reason.

        `answer` is the most tokens that the evalset lets an answer have.
        """
        return {}

    def rewards(self, definition: EvalsetDefinition) -> Mapping[str, float]:
        """The graders that reward, with their weights; none for most objectives."""
        return {}

    def check_rewards(
        self, plan: Plan, engine: Answerer, warn: Callable[[str], None]
    ) -> RewardCheck | None:
        """How the rewards were checked, None where nothing is rewarded. Raises WeakReward."""
        return None

    @property
    def engine_spec(self) -> EngineSpec:
        """How the training asks models and grades."""
        return EngineSpec(judge=self.judge, judge_key_env=self.judge_api_key_env)

    def dev_plan(self, evalset: Evalset) -> Plan:
        """How the dev split is asked of the model: by the baseline, and by each exam."""
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
        """Raise MissingExtra for packages that are not installed. Loads nothing."""
        need(*PACKAGES, *self.method.packages)

    def roles(self, definition: EvalsetDefinition) -> Roles:
        """What the graders of an evalset are to this training. Raises BadOption."""
        return roles_of(self.rewards(definition), definition)

    def describe_rows(self, trainer: Any, setup: Setup) -> Iterator[Event]:
        """Events about what is learnt."""
        dataset, template = trainer.train_dataset, setup.base.template
        yield "masks", masks.told(dataset, len(setup.rows), template)

    def probe(self, trainer: Any, setup: Setup) -> str | None:
        """What can be found out about a new training before its first step, for a person."""
        return None

    def row_lengths(self, trainer: Any, base: Base) -> list[int]:
        """The tokens of each row of the trainer's dataset."""
        names = ("input_ids", "prompt_ids", "completion_ids", "chosen_ids", "rejected_ids")
        return [
            sum(len(row[name]) for name in names if name in row) for row in trainer.train_dataset
        ]

    def step_inputs(self, trainer: Any, rows: Sequence[Any], batch_size: int) -> Sequence[Any]:
        """What one step on these rows learns from, for each of its forward passes."""
        return [trainer._prepare_inputs(trainer.data_collator(list(rows)))]

    def largest_input(self, trainer: Any, part: Any) -> Any | None:
        """The largest input that a later step may have, None where `part` is as large."""
        return None

    def after_exam(self, roles: Roles, exams: Sequence[ExamResult], emit: Emit) -> None:
        """Look at the exams so far, the newest last."""

    @model_validator(mode="before")
    @classmethod
    def _has_only_its_own_settings(cls, given: Any) -> Any:
        """Refuse the settings of other levers by name, also where pydantic is called directly."""
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
    """Why a lever does not take this setting: who has it, and which ones there are."""
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

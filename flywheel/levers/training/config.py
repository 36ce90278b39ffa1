"""What a training is asked to be: one frozen object, read from YAML and `--set name=value`.

"auto" leaves a number to `flywheel.levers.training.auto`, which says what it chose and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from flywheel.document import Document, load_document
from flywheel.errors import BadOption
from flywheel.known_fields import unknown_field
from flywheel.places import BadPlace
from flywheel.yaml_text import read_yaml

Lever = Literal["sft", "dpo", "kto", "rft", "reward", "pretrain"]
Auto = Literal["auto"]
Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
Schedule = Literal["linear", "cosine", "constant", "wsd"]
Aggregate = Literal["sum_then_normalize", "normalize_then_sum"]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
# The fine-tuning API's own limits.
Beta = Annotated[float, Field(gt=0, le=2)]

_DPO_LOSSES = ("sigmoid", "ipo", "hinge", "robust", "nca_pair", "apo_zero", "apo_down")
LOSSES: Mapping[str, tuple[str, ...]] = {
    "dpo": (*_DPO_LOSSES, "orpo", "simpo"),
    "kto": ("kto", "apo_zero_unpaired"),
}
_OF_RFT = (
    *("reward", "reward_weights", "unchecked", "aggregate", "group_size", "temperature", "kl"),
    *("max_completion_tokens", "compute_multiplier", "reasoning_effort", "response_format"),
)
# Settings that only some levers have.
USED_BY: Mapping[str, tuple[Lever, ...]] = {
    "pairs": ("dpo",),
    "loss": ("dpo", "kto"),
    "beta": ("dpo", "kto"),
    "sft_weight": ("dpo",),
    **dict.fromkeys(_OF_RFT, ("rft",)),
}


class Method(BaseModel):
    """Which weights are trained: all of them, or an adapter beside them (r, alpha, dropout).

    `targets` are the modules that get an adapter, "all-linear" means every linear one but the head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["full", "lora", "qlora"] = "lora"
    r: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


class TrainConfig(BaseModel):
    """One training.

    - `data` is a training file; without one, SFT learns the gold answers of the evalset's train
      split, RFT tries its items, and DPO makes `pairs` of them: `minimal` rejects a gold answer
      with one field wrong, `sampled` a wrong answer of the model. `rows` takes the first only.
    - `allow_leaks` trains on rows in which items of dev or test stand, which is refused otherwise.
    - `steps` wins over `epochs`. `warmup` and the intervals are in steps.
    - `loss` and `beta` are for preferences: `beta` is large to stay near the model as it is.
      `sft_weight` adds the loss of the chosen answer to a DPO.
    - `judge` answers graders that ask a model, named like a model. `judge_api_key_env` names the
      environment variable that holds the key of its endpoint, by default OPENAI_API_KEY.
    - `eval_samples` dev items are asked at each exam, None is all. `patience` stops after so many
      exams without a better one. `keep` checkpoints stay.
    - `trackers` are told each step and exam; the default one is left out where it is missing.
    - `dollars_per_hour` is what the machine costs: by it the price of the training is foretold.
    - From `reward` on, RFT: the graders that reward, None is the primary one; answers a prompt.
      `unchecked` rewards with graders that `flywheel graders check` finds weak, unseen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lever: Lever
    model: Annotated[str, Field(min_length=1)] = "tiny"
    evalset: Annotated[str, Field(min_length=1)]
    judge: str | None = None
    judge_api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] | None = None
    data: Path | None = None
    pairs: Literal["minimal", "sampled"] | None = None
    rows: Count | None = None
    allow_leaks: bool = False
    method: Method = Method()
    loss: str | None = None
    beta: Beta | Auto = "auto"
    sft_weight: Annotated[float, Field(ge=0)] | Auto = "auto"
    epochs: Annotated[int, Field(ge=1, le=50)] | Auto = "auto"
    steps: Count | None = None
    batch_size: Annotated[int, Field(ge=1, le=256)] | Auto = "auto"
    learning_rate: Rate | Auto = "auto"
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
    reward: tuple[str, ...] = ()
    reward_weights: tuple[float, ...] = ()
    unchecked: bool = False
    aggregate: Aggregate = "sum_then_normalize"
    group_size: Annotated[int, Field(ge=2)] = 8
    max_completion_tokens: Count | Auto = "auto"
    temperature: Annotated[float, Field(gt=0, le=2)] = 1.0
    kl: Annotated[float, Field(ge=0, le=2)] = 0.0
    compute_multiplier: Annotated[float, Field(gt=1e-5, le=10)] | Auto = "auto"
    reasoning_effort: Literal["default", "low", "medium", "high"] = "default"
    response_format: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_of_the_lever(self) -> Self:
        """An order names every setting: one that is as it is by itself was given by nobody."""
        for name, levers in USED_BY.items():
            given = getattr(self, name) != type(self).model_fields[name].default
            if given and self.lever not in levers:
                fields = type(self).model_fields
                known = [n for n in fields if self.lever in USED_BY.get(n, (self.lever,))]
                raise ValueError(
                    f"{self.lever} has no {name}, which is for {' and '.join(levers)}; remove it."
                    f" Settings of {self.lever}: {', '.join(known)}"
                )
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        known = LOSSES.get(self.lever, ())
        if self.loss is not None and self.loss not in known:
            raise ValueError(f"loss is one of {', '.join(known)}, got {self.loss!r}")
        if self.pairs is not None and self.data is not None:
            raise ValueError("pairs are made for a dpo without data; remove pairs, or data")
        if self.lever == "dpo" and self.pairs is None and self.data is None:
            raise ValueError("a dpo needs data (preference rows), or pairs: minimal or sampled")
        if self.lever in ("kto", "reward", "pretrain") and self.data is None:
            raise ValueError(f"{self.lever} needs data: a training file")
        if len(self.reward_weights) not in (0, len(self.reward)):
            raise ValueError(
                f"{len(self.reward_weights)} reward_weights for {len(self.reward)} rewards;"
                " give one each"
            )
        return self


# Faults whose message needs no value beside it.
_COMPLETE = ("missing", "value_error", "extra_forbidden")
_ADAPTER: TypeAdapter[TrainConfig] = TypeAdapter(TrainConfig)


def load_config(path: Path | None, sets: Sequence[str] = ()) -> TrainConfig:
    """The config of a YAML or JSON file, with each `name=value` of `sets` put in its place.

    Dots lead into a mapping (`method.r=8`), and values are read as YAML. Without a file the sets
    are all there is. Raises BadFile with file:line:col, or BadOption that names the set at fault.
    """
    document = load_document(path) if path else Document(Path("--set"), {}, {(): (1, 1)})
    if not isinstance(document.value, dict):
        raise document.refuse((), f"a config is a mapping, got {document.value!r:.80}")
    value = cast("dict[str, Any]", document.value)
    given = [_read_set(text) for text in sets]
    for loc, found in given:
        value = _put(value, loc, found)
    merged = Document(document.path, value, document.places)
    try:
        return TrainConfig.model_validate(value)
    except ValidationError as error:
        _blame_sets(error, [loc for loc, _ in given], named=path is not None)
        return cast("TrainConfig", merged.read_as(_ADAPTER))


def _read_set(text: str) -> tuple[tuple[str, ...], Any]:
    name, equals, value = text.partition("=")
    loc = tuple(name.strip().split("."))
    if not equals or not all(loc):
        raise BadOption(f"--set is name=value, such as method.r=8, got {text!r}")
    try:
        return loc, read_yaml(value)[0]
    except BadPlace as error:
        raise BadOption(f"--set {text}: {error}") from None


def _put(value: Mapping[str, Any], loc: tuple[str, ...], new: Any) -> dict[str, Any]:
    """A copy with `new` at this path."""
    if len(loc) == 1:
        return {**value, loc[0]: new}
    inner = value.get(loc[0])
    under = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    return {**value, loc[0]: _put(under, loc[1:], new)}


def _blame_sets(error: ValidationError, sets: Sequence[tuple[str, ...]], named: bool) -> None:
    """Raise BadOption for the first fault that a set brought in; without a file, for any."""
    for fault in cast("list[dict[str, Any]]", error.errors(include_url=False)):
        loc = tuple(str(step) for step in fault["loc"])
        if any(loc[: len(one)] == one[: len(loc)] for one in sets if loc) or not named:
            told = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "extra_forbidden":
                told = unknown_field(_ADAPTER, fault["loc"])
            place = ".".join(_part_of(loc, sets))
            came = "" if fault["type"] in _COMPLETE else f", got {fault['input']!r}"
            raise BadOption(f"--set {place}: {told}{came}" if place else told) from None


def _part_of(loc: tuple[str, ...], sets: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The path of a fault without pydantic's own steps, such as the members of a union."""
    for one in sets:
        if loc[: len(one)] == one:
            return one
    return loc

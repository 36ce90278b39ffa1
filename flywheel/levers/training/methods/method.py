# pyright: standard
"""The interface of a method: which weights of a model a training changes, and how.

A method is a file here and a line in union.py. It defines how the model is loaded, adapted and
sampled from during training; no other file branches on its kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

from pydantic import BaseModel, ValidationError

from flywheel.errors import BadOption
from flywheel.models.folders import ADAPTER, read_config

# merged: the model's own weights are trained.
# beside: an adapter with separate weights is active inside the model's layers.
# prompt: the adapter is virtual tokens before the prompt; the model alone is untrained.
SamplesAs = Literal["merged", "beside", "prompt"]


class Method(BaseModel, ABC, frozen=True, extra="forbid", allow_inf_nan=False):
    """A training method. The fields are the settings under `method` in a config.

    `samples_as` is how exams sample from the model in training. `cheaper` is the advice when memory
    runs out.
    """

    kind: str

    is_adapter: ClassVar[bool] = True
    samples_as: ClassVar[SamplesAs]
    packages: ClassVar[tuple[str, ...]] = ()
    cheaper: ClassVar[str] = ""

    @abstractmethod
    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        """Arguments of `from_pretrained` for the base: dtype, quantisation, device."""

    @abstractmethod
    def apply(self, model: Any, resume: Path | None) -> Any:
        """The model with only this method's weights trainable.

        `resume` is the folder of an existing adapter of the model. Raises BadOption.
        """

    @abstractmethod
    def continued(self, adapter: Path) -> Self:
        """This method with the settings of an existing adapter, to continue its training.

        Raises BadOption for an adapter of another kind, and for settings that contradict it.
        """

    def callbacks(self) -> list[Any]:
        """Callbacks that the trainer needs for this method."""
        return []


M = TypeVar("M", bound=Method)


def own_settings(method: M, adapter: Path, peft_type: str, names: Mapping[str, str]) -> M:
    """The method with the adapter's settings; `names` maps fields to peft's names.

    Rank and modules are fixed by the adapter's weights. Raises BadOption for an adapter of another
    type, or for an explicit setting that differs from the adapter's.
    """
    path = adapter / ADAPTER
    config = read_config(path)
    if config.get("peft_type") != peft_type:
        raise BadOption(
            f"{path}: cannot continue an adapter of type {config.get('peft_type')!r} with"
            f" method.kind={method.kind}, which is for {peft_type}; merge it into its base, or use"
            " method.kind=full, which merges it"
        )
    own = {name: _value(config[theirs]) for name, theirs in names.items() if theirs in config}
    try:
        result = type(method).model_validate({**method.model_dump(), **own})
    except ValidationError as error:
        raise BadOption(f"{path}: not a valid {peft_type} config: {error!s:.300}") from None
    for name, value in own.items():
        wanted = getattr(method, name)
        if wanted not in (type(method).model_fields[name].default, value):
            raise BadOption(
                f"method.{name} is {wanted!r}, but the adapter in {adapter} has {value!r}, which"
                f" cannot change; remove method.{name}, or merge the adapter into its base first"
            )
    return result


def _value(value: Any) -> Any:
    """A peft setting as a field: modules become a sorted tuple, a pattern a tuple of one."""
    if isinstance(value, list):
        return tuple(sorted(map(str, cast("list[Any]", value))))
    return (value,) if isinstance(value, str) and value != "all-linear" else value

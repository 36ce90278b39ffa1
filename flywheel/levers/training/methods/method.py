# pyright: standard
"""The contract of a method: which weights of a model a training changes, and how.

A method is a file here and a line in union.py. It says how the model is loaded, what is put on it,
and how it answers while it learns; nothing outside its file asks for its kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

from pydantic import BaseModel, ValidationError

from flywheel.errors import BadOption
from flywheel.models.folders import ADAPTER, read_config

# merged: the model's own weights are what was trained, or hold it.
# beside: the adapter works inside the layers of the model, from weights of its own.
# prompt: the adapter is virtual tokens before the prompt; the model alone is the untrained one.
SamplesAs = Literal["merged", "beside", "prompt"]


class Method(BaseModel, ABC, frozen=True, extra="forbid", allow_inf_nan=False):
    """Which weights are trained. The fields are what a user can set under `method`.

    `samples_as` is how the model is asked with what was trained in force; exams go by it. `cheaper`
    is what to try when memory runs out.
    """

    kind: str

    is_adapter: ClassVar[bool] = True
    samples_as: ClassVar[SamplesAs]
    packages: ClassVar[tuple[str, ...]] = ()
    cheaper: ClassVar[str] = ""

    @abstractmethod
    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        """What `from_pretrained` gets for the base: dtype, quantisation, device."""

    @abstractmethod
    def apply(self, model: Any, resume: Path | None) -> Any:
        """The model with what the method trains, and nothing else trainable.

        `resume` is the folder of an adapter that the model has already. Raises BadOption.
        """

    @abstractmethod
    def continued(self, adapter: Path) -> Self:
        """This method with the settings of the adapter in a folder, which is trained on.

        Raises BadOption for an adapter of another kind, and for settings that differ from its own.
        """

    def callbacks(self) -> list[Any]:
        """Callbacks that the trainer needs for this method."""
        return []


M = TypeVar("M", bound=Method)


def own_settings(method: M, adapter: Path, peft_type: str, names: Mapping[str, str]) -> M:
    """The method with the adapter's own settings, `names` mapping fields to peft's names.

    Rank and modules are in the adapter's weights, so others cannot be asked of it. Raises BadOption
    for an adapter of another type, or for a setting that was given and is not the adapter's.
    """
    path = adapter / ADAPTER
    found = read_config(path)
    if found.get("peft_type") != peft_type:
        raise BadOption(
            f"{path}: an adapter of the kind {found.get('peft_type')!r} cannot be trained on with"
            f" method.kind={method.kind}, which is for {peft_type}; merge it into its base, or"
            " train with method.kind=full, which does so"
        )
    own = {name: _value(found[theirs]) for name, theirs in names.items() if theirs in found}
    try:
        result = type(method).model_validate({**method.model_dump(), **own})
    except ValidationError as error:
        raise BadOption(f"{path}: no config of a {peft_type} adapter: {error!s:.300}") from None
    for name, value in own.items():
        wanted = getattr(method, name)
        if wanted not in (type(method).model_fields[name].default, value):
            raise BadOption(
                f"method.{name} is {wanted!r}, and the adapter in {adapter} has {value!r}, which it"
                f" keeps when it is trained on; remove method.{name}, or merge the adapter into its"
                " base first"
            )
    return result


def _value(value: Any) -> Any:
    """A value as a method has it: modules are a sorted tuple, and a pattern is one of them."""
    if isinstance(value, list):
        return tuple(sorted(map(str, cast("list[Any]", value))))
    return (value,) if isinstance(value, str) and value != "all-linear" else value

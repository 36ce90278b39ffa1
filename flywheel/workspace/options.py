"""The options of a measurement, and type checks of the arguments of methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    validate_call,
    with_config,
)
from typing_extensions import TypedDict  # pydantic supports only this one before Python 3.12

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadOption
from flywheel.known_fields import unknown_field

Count = Annotated[int, Field(ge=1)]
P = ParamSpec("P")
R = TypeVar("R")


@with_config(ConfigDict(extra="forbid"))
class Options(TypedDict, total=False):
    """The options of a measurement; the evalset gives the defaults.

    `judge` names the model that graders ask, instead of the workspace's. Without `cache` no answer
    of an earlier run is reused; with `judge_floors` the judge grades the floors too.
    """

    split: str
    prompt: Path | None
    repeats: Count | None
    limit: Count | None
    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    judge: str | None
    cache: bool
    judge_floors: bool
    wait: bool


_OPTIONS: TypeAdapter[Options] = TypeAdapter(Options)
_SPEC = {one.name for one in fields(EngineSpec)}


def checked(options: Options) -> Options:
    """The validated options. Raises BadOption with one sentence for each invalid one."""
    try:
        return _OPTIONS.validate_python(options)
    except ValidationError as error:
        stories = dict.fromkeys(_story(fault) for fault in error.errors(include_url=False))
        raise BadOption("; ".join(stories)) from None


def typed(method: Callable[P, R]) -> Callable[P, R]:
    """Wrap a method so that it raises BadOption for an argument of the wrong type."""
    names = list(signature(method).parameters)
    call = validate_call(config=ConfigDict(arbitrary_types_allowed=True, defer_build=True))(method)

    @wraps(method)
    def checked_call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ValidationError as error:
            if error.title != method.__qualname__:  # raised inside the method
                raise
            stories: dict[str, dict[str, None]] = {}
            for fault in error.errors(include_url=False):
                at = fault["loc"][0]
                name = names[at] if isinstance(at, int) and at < len(names) else str(at)
                stories.setdefault(name, {})[f"{fault['msg']}, got {fault['input']!r:.80}"] = None
            story = "; ".join(f"{name}: {' or '.join(ways)}" for name, ways in stories.items())
            raise BadOption(f"{method.__name__}: {story}") from None

    return checked_call


def check_model(model: object) -> None:
    """Raise BadOption for a model that is not a string."""
    if not isinstance(model, str):
        raise BadOption(
            "a model is a name such as 'tiny', a folder or python:FILE.py:FUNCTION, got"
            f" {model!r:.80}"
        )


def _story(fault: Any) -> str:
    name = str(fault["loc"][0])
    if fault["type"] != "extra_forbidden":
        return f"{name}: {fault['msg']}, got {fault['input']!r:.80}"
    if name in _SPEC:
        return f"{name}: set for the workspace, with fw.open(path, fw.EngineSpec({name}=...))"
    return f"{name}: {unknown_field(_OPTIONS, fault['loc'])}"

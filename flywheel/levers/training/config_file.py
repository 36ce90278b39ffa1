"""The config of a training from YAML or JSON and `--set name=value`; errors name their location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from flywheel.document import Document, load_document
from flywheel.errors import BadOption
from flywheel.known_fields import unknown_field
from flywheel.levers.training.config import TrainingConfig, unknown_setting
from flywheel.levers.training.objectives.union import objective_named
from flywheel.places import BadPlace
from flywheel.yaml_text import read_yaml

# Faults whose message needs no value beside it.
_COMPLETE = ("missing", "value_error", "extra_forbidden")


def load_config(path: Path | None, sets: Sequence[str] = ()) -> TrainingConfig:
    """The config of a YAML or JSON file with each `name=value` of `sets` applied.

    A dot separates nested names (`method.r=8`); values are parsed as YAML. The file is optional.
    Raises BadFile with file:line:col, or BadOption that names the invalid `--set`.
    """
    document = load_document(path) if path else Document(Path("--set"), {}, {(): (1, 1)})
    if not isinstance(document.value, dict):
        raise document.refuse((), f"a config is a mapping, got {document.value!r:.80}")
    value = cast("dict[str, Any]", document.value)
    given = [_read_set(text) for text in sets]
    for loc, new in given:
        value = _put(value, loc, new)
    merged = Document(document.path, value, document.places)
    named = [loc for loc, _ in given]
    config = objective_named(value.get("lever"))
    for name in value:
        if name not in config.model_fields:
            why = unknown_setting(config, name)
            if path is None or any(loc[0] == name for loc in named):
                raise BadOption(f"--set {name}: {why}")
            raise merged.refuse((name,), f"{name}: {why}")
    adapter = TypeAdapter(config)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        _blame_sets(error, adapter, value, named if path else None)
        return cast("TrainingConfig", merged.read_as(adapter))


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
    """A copy of `value` with `new` at this path."""
    if len(loc) == 1:
        return {**value, loc[0]: new}
    inner = value.get(loc[0])
    under = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    return {**value, loc[0]: _put(under, loc[1:], new)}


def _blame_sets(
    error: ValidationError,
    adapter: TypeAdapter[Any],
    value: Any,
    sets: Sequence[tuple[str, ...]] | None,
) -> None:
    """Raise BadOption for the first error that comes from `sets`, or for any if `sets` is None."""
    for fault in cast("list[dict[str, Any]]", error.errors(include_url=False)):
        path, came = _written(fault, value)
        if sets is not None and not any(path[: len(one)] == one for one in sets):
            continue
        story = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            story = unknown_field(adapter, fault["loc"])
        got = "" if fault["type"] in _COMPLETE else f", got {came!r}"
        place = ".".join(path)
        raise BadOption(f"--set {place}: {story}{got}" if place else story) from None


def _written(fault: Mapping[str, Any], value: Any) -> tuple[tuple[str, ...], Any]:
    """The path of an error as a user writes it, and the value there.

    pydantic's path also contains the members of unions, and lacks the tag of a union.
    """
    tag = str(fault.get("ctx", {}).get("discriminator", "")).strip("'")
    path: list[str] = []
    for step in (*fault["loc"], tag):
        if isinstance(value, dict) and step in value:
            value = cast("dict[Any, Any]", value)[step]
            path.append(str(step))
    return tuple(path), cast("Any", value)

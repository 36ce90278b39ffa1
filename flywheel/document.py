"""A JSON or YAML file whose every value knows its line and column.

Errors in a definition read `file:line:col: what came, what was wanted`. JSON is parsed by the
standard library and then scanned again for positions; YAML is parsed by PyYAML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from flywheel.errors import BadFile
from flywheel.files import open_regular
from flywheel.known_fields import unknown_field
from flywheel.places import BadPlace, Places, read_json
from flywheel.yaml_text import read_yaml

_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read: its value, and the place of each value in it by path."""

    path: Path
    value: Any
    places: Places

    def at(self, loc: Sequence[str | int]) -> str:
        """`file:line:col` of the value at this path, or of the nearest one around it."""
        line, column = self.places[self._known(loc)]
        return f"{self.path}:{line}:{column}"

    def _known(self, loc: Sequence[str | int]) -> tuple[str | int, ...]:
        """The path without parts that are not keys, such as pydantic's names of union members."""
        known: tuple[str | int, ...] = ()
        for step in loc:
            if (*known, step) in self.places:
                known = (*known, step)
        return known

    def refuse(self, loc: Sequence[str | int], story: str) -> BadFile:
        """The error for the value at this path."""
        return BadFile(f"{self.at(loc)}: {story}")

    def read_as(self, adapter: TypeAdapter[Any], under: Sequence[str | int] = ()) -> Any:
        """The value at `under`, validated. Raises BadFile with one line for each fault."""
        value = self.value
        for step in under:
            value = value[step]
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            faults = cast("list[dict[str, Any]]", error.errors(include_url=False))
            distinct = [fault for fault in faults if not _is_echo(fault, faults)]
            distinct.sort(key=lambda fault: self.places[self._known((*under, *fault["loc"]))])
            lines = [self._story(under, fault, adapter) for fault in distinct]
            raise BadFile("\n".join(lines)) from None

    def _story(
        self, under: Sequence[str | int], fault: Mapping[str, Any], adapter: TypeAdapter[Any]
    ) -> str:
        kind, came = fault["type"], fault["input"]
        loc: tuple[str | int, ...] = (*under, *fault["loc"])
        tag = str(fault.get("ctx", {}).get("discriminator", "")).strip("'")
        if kind.startswith("union_tag"):
            loc = (*loc, tag)
        known = self._known(loc)
        story = fault["msg"].removeprefix("Value error, ")
        if kind == "union_tag_not_found":
            known, story = (*known, tag), "this field is missing"
        elif kind == "extra_forbidden":
            story = unknown_field(adapter, fault["loc"])
        elif kind == "missing":
            known = (*known, loc[-1])
            story = "this field is missing"
        elif kind != "value_error" and not isinstance(came, dict | list):
            story += f", got {_shorten(repr(came))}"
        name = ".".join(str(step) for step in known)
        return f"{self.at(loc)}: {name}: {story}" if name else f"{self.at(loc)}: {story}"


def _is_echo(fault: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> bool:
    """Whether this fault of a list only repeats a fault of one of its elements."""
    loc = fault["loc"]
    return fault["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in faults
    )


def load_document(path: Path) -> Document:
    """Read a JSON or YAML file. Raises BadFile with the position of the first fault."""
    text = read_text(path)
    is_yaml = path.suffix in (".yaml", ".yml") or not text.lstrip().startswith(("{", "["))
    read = read_json if path.suffix == ".json" or not is_yaml else read_yaml
    try:
        return Document(path, *read(text))
    except BadPlace as error:
        raise BadFile(f"{path}:{error.line}:{error.column}: {error}") from None


def read_text(path: Path, *, regular: bool = False) -> str:
    """The text of a file in UTF-8. Raises BadFile, with the place of the first byte that is not.

    With `regular`, a pipe or a device is refused: reading it may never end.
    """
    try:
        with open_regular(path) if regular else path.open("rb") as file:
            data = file.read()
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise BadFile(
            f"{path}:{line}:{column}: byte 0x{data[error.start]:02x} is not UTF-8; save the file as"
            " UTF-8"
        ) from None


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"

"""Validated access to a JSON log; errors name the location of a value.

NaN and infinity, which other harnesses write for missing scores, are read as null. Duplicate keys
are refused, since readers differ on which value counts. Logs over 256 MB are refused, because a
parsed log takes several times its size in memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadFile
from graders.text.strict_json import TooDeep, parse_json

MOST_BYTES = 256 << 20
_MOST_COUNT = 1 << 53


@dataclass(frozen=True, slots=True)
class Part:
    """A value in a log. Every method raises BadFile with the location for a wrong type."""

    place: str
    value: Any

    def at(self, key: str) -> Part:
        """The value of a required field."""
        part = self.maybe(key)
        if part is None:
            raise BadFile(f"{self.place}.{key}: this field is missing")
        return part

    def maybe(self, key: str, *inner: str) -> Part | None:
        """The value of a field, or of a nested one; None if any is missing or null."""
        value = self._as(dict, "an object").get(key)
        if value is None:
            return None
        part = Part(f"{self.place}.{key}", value)
        return part.maybe(*inner) if inner else part

    def fields(self) -> Iterator[tuple[str, Part]]:
        """The fields of an object, including null ones."""
        for key, value in self._as(dict, "an object").items():
            yield str(key), Part(f"{self.place}.{key}", value)

    def parts(self) -> Iterator[Part]:
        """The values of a list, including null ones."""
        for number, value in enumerate(self._as(list, "a list")):
            yield Part(f"{self.place}[{number}]", value)

    def text(self) -> str:
        """A string."""
        return cast("str", self._as(str, "text"))

    def name(self) -> str:
        """A string or a whole number, as a string."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        return self.text()

    def number(self) -> float:
        """A finite number; true is 1."""
        value = self._as((int, float), "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.refuse("wanted a finite number")
        return number

    def amount(self) -> float:
        """A finite number, 0 or more."""
        number = self.number()
        if number < 0:
            raise self.refuse("wanted 0 or more")
        return number

    def count(self) -> int:
        """A whole number, 0 or more."""
        value = self._as(int, "a whole number")
        if isinstance(value, bool) or not 0 <= value < _MOST_COUNT:
            raise self.refuse("wanted a whole number of 0 or more")
        return cast("int", value)

    def refuse(self, story: str) -> BadFile:
        """The error for this value."""
        try:
            shown = json.dumps(self.value)
        except (RecursionError, ValueError):
            shown = type(self.value).__name__
        return BadFile(f"{self.place}: {story}, got {shown:.80}")

    def _as(self, kinds: type | tuple[type, ...], wanted: str) -> Any:
        if not isinstance(self.value, kinds):
            raise self.refuse(f"wanted {wanted}")
        return self.value


def load_log(path: Path) -> Part:
    """Read a log that is one JSON file."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None
    return parse_log(str(path), data)


def parse_log(place: str, data: bytes) -> Part:
    """Parse JSON; `place` is its location for errors."""
    if len(data) > MOST_BYTES:
        raise BadFile(f"{place}: more than {MOST_BYTES >> 20} MB unpacked; wanted a smaller log")
    try:
        return Part(place, parse_json(data.decode("utf-8-sig"), nan_is_null=True))
    except UnicodeDecodeError as error:
        raise BadFile(f"{place}: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        story = f"{place}:{error.lineno}:{error.colno}: not JSON: {error.msg}"
        raise BadFile(story) from None
    except TooDeep as error:
        raise BadFile(f"{place}: {error}") from None
    except ValueError as error:
        raise BadFile(f"{place}: not JSON: {error}") from None

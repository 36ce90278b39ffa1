"""The value of a JSON text and the position of each part: path -> (line, column), from 1.

The position of a value is that of its key, so that errors point at an unknown key. Refused, though
parsers accept them: duplicate keys, numbers outside the range of a double, and lone surrogates,
which cannot be written as UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

Place = tuple[int, int]
Loc = tuple[str | int, ...]
Places = Mapping[Loc, Place]

_SHOWN = 40
# Only checks the grammar: numbers are checked later, with their positions.
_GRAMMAR = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)


class BadPlace(ValueError):
    """The text is invalid at this line and column."""

    def __init__(self, story: str, place: Place) -> None:
        super().__init__(story)
        self.line, self.column = place


def read_json(text: str) -> tuple[Any, Places]:
    """The value of a JSON text and the positions in it. Raises BadPlace when it is not JSON."""
    try:
        _GRAMMAR.decode(text)
        walk = _JsonWalk(text)
    except json.JSONDecodeError as error:
        raise BadPlace(f"not JSON: {error.msg}", (error.lineno, error.colno)) from None
    except RecursionError:
        raise BadPlace("nested too deeply to read", (1, 1)) from None
    return walk.value, walk.places


def json_places(text: str) -> Places:
    """The positions in a text that is known to be JSON."""
    return read_json(text)[1]


def check_scalar(value: Any, text: str, place: Place) -> None:
    """Raise BadPlace for a number too large for a double, or a string with a lone surrogate."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise BadPlace("half of a surrogate pair is no character; remove it", place)
    elif not is_finite(value):
        raise BadPlace(f"the number {shorten(text)} is too large", place)


def is_finite(value: Any) -> bool:
    """Whether a value is not a number, or a number that fits into a double."""
    try:
        return not isinstance(value, int | float) or math.isfinite(value)
    except OverflowError:
        return False


def shorten(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class _JsonWalk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.scan = json.JSONDecoder().raw_decode
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.places: dict[Loc, Place] = {}
        self._skip()
        self.places[()] = self._place()
        self.value = self._value(())

    def _value(self, path: Loc) -> Any:
        opened = self.text[self.at]
        if opened == "{":
            return dict(self._members(path, "}"))
        if opened == "[":
            return [value for _, value in self._members(path, "]")]
        return self._scalar()

    def _scalar(self) -> Any:
        place, begun = self._place(), self.at
        if constant := re.compile("NaN|-?Infinity").match(self.text, begun):
            story = f"not JSON: {constant[0]} is not JSON; write null or a finite number"
            raise BadPlace(story, place)
        try:
            value, self.at = self.scan(self.text, begun)
        except ValueError:
            # Python parses integers of at most 4,300 digits.
            digits = re.compile(r"-?\d+").match(self.text, begun)
            number = digits[0] if digits else self.text[begun:]
            raise BadPlace(f"the number {shorten(number)} is too large", place) from None
        check_scalar(value, self.text[begun : self.at], place)
        return value

    def _members(self, path: Loc, closing: str) -> list[tuple[str | int, Any]]:
        self.at += 1
        self._skip()
        members: list[tuple[str | int, Any]] = []
        while self.text[self.at] != closing:
            place = self._place()
            key: str | int = len(members)
            if closing == "}":
                key = self._scalar()
                self._skip(":")
                if (*path, key) in self.places:
                    raise BadPlace(f"the key {key!r} is given twice", place)
            self.places[(*path, key)] = place
            members.append((key, self._value((*path, key))))
            self._skip(",")
        self.at += 1
        return members

    def _skip(self, separator: str = "") -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n" + separator:
            self.at += 1

    def _place(self) -> Place:
        line = bisect_right(self.line_starts, self.at)
        return line, self.at - self.line_starts[line - 1] + 1

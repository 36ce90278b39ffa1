"""Extract: the part of an answer that is compared. An extension beyond the wire, off unless named.

    "number"                                   the last number, as graders/numbers.py reads it
    "choice"                                   the letter that a multiple-choice answer settles on
    "boxed"                                    the last \\boxed{...}
    {"type": "json", "field": "a.b[0]"}        one field of the JSON that the answer holds
    {"type": "regex", "pattern": "#### (.*)"}  group 1 of the last match, or all of it

An answer that holds no such thing is Unreadable: it scores 0 and counts as a parse failure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from graders.json_objects import objects_in
from graders.numbers import last_number, plain
from graders.sample import Sample, Unreadable
from graders.template import BadTemplate, template
from graders.ungraded import Kind, Ungraded

_REGEX_SECONDS = 1.0
_SHOWN = 80

# The letter stands by itself and is a capital; "A" and "I" are also words, so something must
# close them: a bracket, a full stop, the end of the line.
_LETTER = r"(?:([B-HJ-Z])(?![\w'])|([AI])(?=\s*(?:[).\]:*,]|$)))"
_CHOSEN = re.compile(
    rf"\b(?i:answer|choice|option)\b\W{{0,3}}(?i:(?:is|would be)\b)?[\s:*_$\"'(\[{{]*{_LETTER}",
    re.M,
)
_ALONE = re.compile(r"^[\s(\[*\"'$]*([A-Za-z])[\s)\].:*\"'$]*$")
_MARKED = re.compile(
    r"\(([A-Z])\)|\\boxed\{([A-Z])\}|\*\*([A-Z])\b[.:)]?|^[ \t]*([A-Z])[.):](?=\s|$)", re.M
)
_LAST = re.compile(r"(?<![\w'])([A-HJ-Z])[.)*\"']*\s*\Z")


class Extractor(Protocol):
    """What every kind of extraction does."""

    def __call__(self, text: str) -> str:
        """The part of the text that counts. Raises Unreadable when the text has none."""
        ...


class _Extract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExtractNumber(_Extract):
    """The last number of the text, in one spelling."""

    type: Literal["number"] = "number"

    def __call__(self, text: str) -> str:
        number = last_number(text)
        if number is None:
            raise Unreadable(f"no number in {_shorten(text)}")
        return plain(number)


class ExtractChoice(_Extract):
    """The letter that the text settles on: "the answer is (B)", "B.", "**B**", "b"."""

    type: Literal["choice"] = "choice"

    def __call__(self, text: str) -> str:
        if alone := _ALONE.match(text):
            return alone[1].upper()
        for pattern in (_CHOSEN, _MARKED, _LAST):
            matches = list(pattern.finditer(text))
            if matches:
                letter: str = matches[-1][matches[-1].lastindex or 0]
                return letter.upper()
        raise Unreadable(f"no choice letter in {_shorten(text)}")


class ExtractBoxed(_Extract):
    """What the last \\boxed{...} holds, braces inside it kept."""

    type: Literal["boxed"] = "boxed"

    def __call__(self, text: str) -> str:
        start = text.rfind("\\boxed{")
        depth = 0
        for at in range(start + 6, len(text)) if start >= 0 else ():
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 0:
                return text[start + 7 : at].strip()
        raise Unreadable(f"no closed \\boxed{{...}} in {_shorten(text)}")


class ExtractJson(_Extract):
    """One field of the last JSON object in the text that has it."""

    type: Literal["json"]
    field: str

    @field_validator("field")
    @classmethod
    def _path(cls, value: str) -> str:
        try:
            template("{{ item." + value + " }}")
        except BadTemplate as error:
            raise ValueError(f"{value!r} is not a field path such as a.b[0]: {error}") from None
        return value

    def __call__(self, text: str) -> str:
        path = template("{{ item." + self.field + " }}")
        objects = list(objects_in(text))
        for found in reversed(objects):
            with suppress(Ungraded):
                return path.render(Sample(item=found.value))
        have = f"no field {self.field!r}" if objects else "no JSON object"
        raise Unreadable(f"{have} in {_shorten(text)}")


class ExtractRegex(_Extract):
    """The first group of the last match that took part, or the whole match without one."""

    type: Literal["regex"]
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        import regex

        try:
            regex.compile(value)
        except regex.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from None
        return value

    def __call__(self, text: str) -> str:
        # The regex module, unlike re, gives up after a time: a pattern that explodes is no verdict.
        import regex

        last = None
        try:
            for match in regex.finditer(self.pattern, text, timeout=_REGEX_SECONDS):
                last = match
        except TimeoutError:
            raise Ungraded(
                Kind.OTHER, f"{self.pattern!r} took more than {_REGEX_SECONDS} s", "timeout"
            ) from None
        if last is None:
            raise Unreadable(f"{self.pattern!r} is not in {_shorten(text)}")
        return str(next((group for group in last.groups() if group is not None), last[0]))


def _named(value: Any) -> Any:
    """`"number"` is short for `{"type": "number"}`."""
    return {"type": value} if isinstance(value, str) else value


Extract = Annotated[
    Annotated[
        ExtractNumber | ExtractChoice | ExtractBoxed | ExtractJson | ExtractRegex,
        Field(discriminator="type"),
    ],
    BeforeValidator(_named),
]


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")

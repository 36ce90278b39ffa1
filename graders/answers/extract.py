"""Extract: the part of an answer that is compared. An extension beyond the wire, off unless named.

    "number"                                   the last number: graders/answers/numbers.py
    "choice"                                   the letter it settles on: graders/answers/choice.py
    "boxed"                                    the last \\boxed{...}
    {"type": "json", "field": "a.b[0]"}        one field of the JSON that the answer holds
    "json"                                     the last JSON object of the answer, as it stands
    {"type": "regex", "pattern": "#### (.*)"}  group 1 of the last match, or all of it

An answer that holds no such thing is Unreadable: it scores 0 and counts as a parse failure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from graders.answers.choice import NoChoice, choice_in
from graders.answers.numbers import last_number, plain
from graders.models.json_objects import objects_in
from graders.sample import Sample, Unreadable
from graders.template import BadTemplate, template
from graders.text.patterns import check_pattern, matches_of
from graders.ungraded import Ungraded

_SHOWN = 80
_BOX = re.compile(r"\\(?:boxed|fbox)[ \t]{0,4}\{")


class _Extract(BaseModel):
    """Called with a text, it gives the part that counts. Raises Unreadable when there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ExtractNumber(_Extract):
    """The last number of the text, in one spelling."""

    type: Literal["number"] = "number"

    def __call__(self, text: str) -> str:
        number = last_number(text)
        if number is None:
            raise Unreadable(f"no number to read in {_shorten(text)}")
        return plain(number)


class ExtractChoice(_Extract):
    """The letter that the text settles on, as graders/answers/choice.py reads it."""

    type: Literal["choice"] = "choice"

    def __call__(self, text: str) -> str:
        try:
            return choice_in(text)
        except NoChoice as error:
            raise Unreadable(f"{error} in {_shorten(text)}") from None


class ExtractBoxed(_Extract):
    """What the last \\boxed{...} holds, braces inside it kept."""

    type: Literal["boxed"] = "boxed"

    def __call__(self, text: str) -> str:
        start = max((box.end() for box in _BOX.finditer(text)), default=0)
        depth = 1
        for at in range(start, len(text)) if start else ():
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 0:
                return text[start:at].strip()
        raise Unreadable(f"no closed \\boxed{{...}} in {_shorten(text)}")


class ExtractJson(_Extract):
    """One field of the last JSON object in the text that has it, or that whole object."""

    type: Literal["json"] = "json"
    field: str | None = None

    @field_validator("field")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            template("{{ item." + value + " }}")
        except BadTemplate as error:
            raise ValueError(f"{value!r} is not a field path such as a.b[0]: {error}") from None
        return value

    def __call__(self, text: str) -> str:
        objects = list(objects_in(text))
        if self.field is None and objects:
            return text[objects[-1].start : objects[-1].end]
        path = template("{{ item" + (f".{self.field}" if self.field else "") + " }}")
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
        check_pattern(value)
        return value

    def __call__(self, text: str) -> str:
        last = None
        for match in matches_of(self.pattern, text):
            last = match
        if last is None:
            raise Unreadable(f"{self.pattern!r} is not in {_shorten(text)}")
        return str(next((group for group in last.groups() if group is not None), last[0]))


Extract = Annotated[
    Annotated[
        ExtractNumber | ExtractChoice | ExtractBoxed | ExtractJson | ExtractRegex,
        Field(discriminator="type"),
    ],
    # `"number"` is short for `{"type": "number"}`.
    BeforeValidator(lambda value: {"type": value} if isinstance(value, str) else value),
]


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")

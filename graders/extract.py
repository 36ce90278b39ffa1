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
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from graders.numbers import last_number, plain
from graders.sample import Sample, Unreadable
from graders.strict_json import dump_json, parse_json, parse_json_at
from graders.template import BadTemplate, template
from graders.ungraded import Kind, Ungraded

_REGEX_SECONDS = 1.0
_SHOWN = 80
# An honest answer holds its JSON within the first few braces; a hostile one holds a million.
_MOST_BRACES = 1000

_ANSWER_IS = re.compile(
    r"\b(?:answer|choice|option)\b\W{0,3}(?:is\b|would be\b)?[\s:*_$\"'(\[{]*([A-Z])(?![\w'])", re.I
)
_ALONE = re.compile(r"^[\s(\[*\"'$]*([A-Za-z])[\s)\].:*\"'$]*$")
_MARKED = re.compile(r"\(([A-Z])\)|\*\*([A-Z])\b[.:)]?|^\s*([A-Z])[.):](?=\s|$)", re.M)


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
        for pattern in (_ANSWER_IS, _MARKED):
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
    """One field of the JSON object that the text is, or of the first one that it holds."""

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
        found = _first_object(text)
        try:
            return template("{{ item." + self.field + " }}").render(Sample(item=found))
        except Ungraded:
            raise Unreadable(f"no field {self.field!r} in {_shorten(dump_json(found))}") from None


class ExtractRegex(_Extract):
    """Group 1 of the last match of the pattern, or the whole match when it has no group."""

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
        return str(last[1] or "" if last.re.groups else last[0])


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


def _first_object(text: str) -> dict[str, Any]:
    try:
        value = parse_json(text)
        if isinstance(value, dict):
            return value  # type: ignore[return-value]
    except ValueError:
        pass
    at = -1
    for _ in range(_MOST_BRACES):
        at = text.find("{", at + 1)
        if at < 0:
            break
        try:
            return parse_json_at(text, at)[0]
        except ValueError:
            continue
    raise Unreadable(f"no JSON object in {_shorten(text)}")


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")

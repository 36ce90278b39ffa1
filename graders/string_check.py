"""string_check: 1.0 when two strings compare as asked, else 0.0.

`eq` and `ne` compare exactly. `like` and `ilike` look for `reference` inside `input`, `ilike`
ignoring case; an empty reference is inside everything. Nothing is trimmed or normalised unless
the definition says so: what is shown is what is compared. `neq`, as the guide writes it, is `ne`.

Beyond the wire: `extract`, `ignore_case`, `ignore_space`, and `tolerance`, which compares the last
numbers of both sides instead of their text (eq and ne).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from graders.asks import Answer
from graders.comparable import ComparableGrader
from graders.grader import Grade
from graders.numbers import last_number
from graders.sample import Sample, Unreadable
from graders.ungraded import Kind, Ungraded

_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "like": lambda text, reference: reference in text,
    "ilike": lambda text, reference: reference.casefold() in text.casefold(),
}
# A reason shows both strings, but an answer of 100 MB is not copied into the store once more.
_SHOWN = 500


class Tolerance(BaseModel):
    """How far two numbers may lie apart: `absolute`, or `relative` to the reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    absolute: float = Field(default=0.0, ge=0)
    relative: float = Field(default=0.0, ge=0)

    def allows(self, number: Decimal, wanted: Decimal) -> bool:
        """Whether the two are close enough by either measure."""
        apart = abs(number - wanted)
        return apart <= Decimal(str(self.absolute)) or (
            apart <= Decimal(str(self.relative)) * abs(wanted)
        )


def _bare_number(value: Any) -> Any:
    return {"absolute": value} if isinstance(value, int | float) else value


def _spelling(value: Any) -> Any:
    return "ne" if value == "neq" else value


class StringCheckGrader(ComparableGrader):
    """Compares two strings."""

    type: Literal["string_check"] = "string_check"
    operation: Annotated[Literal["eq", "ne", "like", "ilike"], BeforeValidator(_spelling)]
    tolerance: Annotated[Tolerance, BeforeValidator(_bare_number)] | None = None
    pass_threshold: float | None = None  # stray on the wire, and without effect

    @model_validator(mode="after")
    def _tolerance_compares_numbers(self) -> Self:
        if self.tolerance is not None and self.operation in ("like", "ilike"):
            raise ValueError(
                f"tolerance compares numbers and goes with eq or ne, not {self.operation}"
            )
        return self

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """1.0 when the check holds, 0.0 when not or when the answer has nothing to compare."""
        wanted = self.read_reference(sample)
        try:
            text = self.read_input(sample)
            if self.tolerance is None:
                passed = _CHECKS[self.operation](text, wanted)
            else:
                passed = self._close(text, wanted) == (self.operation == "eq")
        except Unreadable as error:
            return Grade(0.0, False, str(error), parsed=False)
        if len(text) > _SHOWN or len(wanted) > _SHOWN:
            text, wanted = text[:_SHOWN], wanted[:_SHOWN]
        return Grade(
            1.0 if passed else 0.0, passed, f"{text!r} {self.operation} {wanted!r} is {passed}"
        )

    def _close(self, text: str, wanted: str) -> bool:
        number, target = last_number(text), last_number(wanted)
        if target is None:
            raise Ungraded(Kind.OTHER, f"no number to read in the reference {wanted[:_SHOWN]!r}")
        if number is None:
            raise Unreadable(f"no number to read in {text[:_SHOWN]!r}")
        return self.tolerance is not None and self.tolerance.allows(number, target)

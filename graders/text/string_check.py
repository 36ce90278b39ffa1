"""string_check: 1.0 when two strings compare as asked, else 0.0.

`eq` and `ne` compare exactly. `like` and `ilike` look for `reference` inside `input`, `ilike`
ignoring case. Nothing is trimmed or normalised unless the definition says so: what is shown is what
is compared. `neq`, as the guide writes it, is `ne`. An empty reference would be in every answer:
`like` and its kin refuse it in a definition, and a sample whose item brings it in is ungraded.

Beyond the wire: `starts_with`; `regex`, where `reference` is a pattern to search for; `json`, where
both sides are JSON values (`graders/text/equality.py`), lists in any order with `ignore_order`;
several references (any is right, for `ne` all must differ); `extract`, `ignore_case`,
`ignore_space`, and `tolerance`, which compares the last numbers of both sides (eq and ne).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from graders.answers.numbers import last_number
from graders.asks import Answer
from graders.grader import Grade, Range
from graders.sample import Sample, Unreadable
from graders.text.comparable import ComparableGrader
from graders.text.equality import canonical_json
from graders.text.patterns import check_pattern, is_in
from graders.ungraded import Kind, Ungraded

_Check = Callable[[str, str], bool]
_CHECKS: dict[str, _Check] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "like": lambda text, reference: reference in text,
    "ilike": lambda text, reference: reference.casefold() in text.casefold(),
    "starts_with": lambda text, reference: text.startswith(reference),
}
_NEED_A_REFERENCE = ("like", "ilike", "starts_with", "regex")
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


class StringCheckGrader(ComparableGrader):
    """Compares two strings."""

    type: Literal["string_check"] = "string_check"
    operation: Annotated[
        Literal["eq", "ne", "like", "ilike", "starts_with", "regex", "json"],
        BeforeValidator(lambda value: "ne" if value == "neq" else value),
    ]
    tolerance: (
        Annotated[
            Tolerance,
            BeforeValidator(lambda v: {"absolute": v} if isinstance(v, int | float) else v),
        ]
        | None
    ) = None
    ignore_order: bool = False
    pass_threshold: float | None = None  # stray on the wire, and without effect

    @model_validator(mode="after")
    def _options_fit_the_operation(self) -> Self:
        operation = self.operation
        if self.tolerance is not None and operation not in ("eq", "ne"):
            raise ValueError(f"tolerance compares numbers and goes with eq or ne, not {operation}")
        if self.ignore_order and operation != "json":
            raise ValueError(f"ignore_order is about lists and goes with json, not {operation}")
        if self.ignore_space and operation == "regex":
            raise ValueError(r"ignore_space does not go with regex; write \s+ in the pattern")
        for reference in (self.reference,) if isinstance(self.reference, str) else self.reference:
            if operation in _NEED_A_REFERENCE and not self._fold(reference):
                raise ValueError(
                    f"{operation} needs a reference, an empty one is in every answer; to check that"
                    " the input can be read, use ne with an empty reference"
                )
            if operation == "regex" and "{{" not in reference:
                check_pattern(reference)
        return self

    def score_range(self) -> Range:
        """It passes or fails."""
        return 0.0, 1.0

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """1.0 when the check holds, 0.0 when not or when the answer has nothing to compare."""
        wanted = self.read_references(sample)
        try:
            text = self.read_input(sample)
            passed = self._passes(text, wanted)
        except Unreadable as error:
            return Grade(0.0, False, str(error), parsed=False)
        shown = repr(wanted[0] if len(wanted[0]) <= _SHOWN else wanted[0][:_SHOWN])
        if len(wanted) > 1:
            shown = f"any of {', '.join(repr(each[:_SHOWN]) for each in wanted[:_SHOWN])}"[:_SHOWN]
        if len(text) > _SHOWN:
            text = text[:_SHOWN]
        return Grade(
            1.0 if passed else 0.0, passed, f"{text!r} {self.operation} {shown} is {passed}"
        )

    @cached_property
    def _passes(self) -> Callable[[str, tuple[str, ...]], bool]:
        """Whether a text passes with these references: any of them, for `ne` with all."""
        check, needs = self._check, self.operation in _NEED_A_REFERENCE
        if isinstance(self.reference, str) and not needs:
            return lambda text, wanted: check(text, wanted[0])
        every = all if self.operation == "ne" else any

        def passes(text: str, wanted: tuple[str, ...]) -> bool:
            if needs and not all(wanted):
                raise Ungraded(Kind.OTHER, "the reference is empty, which every answer contains")
            return every([check(text, each) for each in wanted])

        return passes

    @property
    def _check(self) -> _Check:
        if self.tolerance is not None:
            return self._close
        if self.operation == "json":
            return self._same_json
        if self.operation == "regex":
            return lambda text, pattern: is_in(pattern, text, ignore_case=self.ignore_case)
        return _CHECKS[self.operation]

    @property
    def _folds(self) -> bool:
        """Patterns and JSON are not folded as texts: `\\S` is not `\\s`."""
        return super()._folds and self.operation not in ("json", "regex")

    def _wanted(self, text: str) -> str:
        return text if self.operation in ("json", "regex") else super()._wanted(text)

    def _same_json(self, text: str, wanted: str) -> bool:
        fold = super()._fold
        try:
            target = canonical_json(wanted, ignore_order=self.ignore_order, fold=fold)
        except ValueError as error:
            raise Ungraded(
                Kind.OTHER,
                f"the reference {wanted[:_SHOWN]!r} is not JSON ({error}); eq compares text",
            ) from None
        try:
            return canonical_json(text, ignore_order=self.ignore_order, fold=fold) == target
        except ValueError as error:
            raise Unreadable(f"the answer is not JSON: {error}") from None

    def _close(self, text: str, wanted: str) -> bool:
        number, target = last_number(text), last_number(wanted)
        if target is None:
            raise Ungraded(Kind.OTHER, f"no number to read in the reference {wanted[:_SHOWN]!r}")
        if number is None:
            raise Unreadable(f"no number to read in {text[:_SHOWN]!r}")
        close = self.tolerance is not None and self.tolerance.allows(number, target)
        return close == (self.operation == "eq")

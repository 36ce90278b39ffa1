"""multi: several graders and one formula over their scores.

`graders` maps a name to a grader; the names are the variables of `calculate_output`. An array, as
the API's own reference once shows it, is read by each grader's `name`. A multi holds no multi.
When one part is ungraded so is the whole: a formula over a guess would be a guess. `invalid_grade`,
the reward that OpenAI's samples name for that case, is only what `graders/run` reports beside the
error flag: it is never a score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from graders.asks import Answer, Ask
from graders.combine.formula import Formula
from graders.grader import Grade, Grader, Pins, Range, spent
from graders.grader_types import Leaf
from graders.sample import Sample
from graders.ungraded import Ungraded


def _by_name(value: Any) -> Any:
    """An array of graders, or a single one, as the mapping that it stands for."""
    if isinstance(value, Mapping):
        single = cast("Mapping[str, Any]", value)
        parts: Sequence[Any] = [single] if isinstance(single.get("type"), str) else []
    else:
        parts = cast("Sequence[Any]", value) if isinstance(value, list | tuple) else []
    if not parts:
        return cast("Any", value)
    named: dict[str, Any] = {}
    for part in parts:
        name = cast("Mapping[str, Any]", part).get("name") if isinstance(part, Mapping) else None
        if not isinstance(name, str) or not name or name in named:
            raise ValueError(
                f"an array of graders needs a name of its own on each, got {name!r}; or write an"
                " object: name -> grader"
            )
        named[name] = part
    return named


class MultiGrader(Grader):
    """Computes one score from the scores of its parts. Passes from `pass_threshold` on."""

    type: Literal["multi"] = "multi"
    graders: Annotated[dict[str, Leaf], BeforeValidator(_by_name), Field(min_length=1)]
    calculate_output: str
    pass_threshold: float = 0.5
    invalid_grade: float | None = None

    @model_validator(mode="after")
    def _formula_can_be_read(self) -> Self:
        for name in self.graders:
            if not name.isidentifier():
                raise ValueError(
                    f"the formula cannot name {name!r}; use letters, digits and _, such as"
                    f" {re.sub(r'[^A-Za-z0-9_]+', '_', name)!r}"
                )
        _ = self.formula
        return self

    @cached_property
    def formula(self) -> Formula:
        """The formula, read. Raises BadFormula with the column."""
        return Formula(self.calculate_output, self.graders.keys())

    def needs(self) -> frozenset[type[Ask]]:
        """Whatever a part needs."""
        return frozenset(need for part in self.graders.values() for need in part.needs())

    def packages(self) -> frozenset[str]:
        """Whatever a part imports."""
        return frozenset(name for part in self.graders.values() for name in part.packages())

    def score_range(self) -> Range | None:
        """By interval arithmetic over the ranges of the parts; None where one declares none."""
        ranges = {name: part.score_range() for name, part in self.graders.items()}
        known = {name: range_ for name, range_ in ranges.items() if range_ is not None}
        found = self.formula.range_over(known) if len(known) == len(ranges) else None
        return found if found is None or found[0] < found[1] else None

    def slots(self) -> frozenset[str]:
        """Whatever a part shows."""
        return frozenset(slot for part in self.graders.values() for slot in part.slots())

    def pictures(self) -> frozenset[str]:
        """Whatever a part shows."""
        return frozenset(path for part in self.graders.values() for path in part.pictures())

    def about(
        self, prompt: str | Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Grader:
        """The same formula over parts that know the prompt."""
        return self._with({name: part.about(prompt, tools) for name, part in self.graders.items()})

    def pinned(self, pins: Pins) -> Grader:
        """The same formula over parts that are tied to their models."""
        return self._with({name: part.pinned(pins) for name, part in self.graders.items()})

    def judges(self) -> frozenset[str]:
        """Whatever judges a part is tied to."""
        return frozenset(judge for part in self.graders.values() for judge in part.judges())

    def embedders(self) -> frozenset[str]:
        """Whatever embedding models a part is tied to."""
        return frozenset(one for part in self.graders.values() for one in part.embedders())

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """Everything that the parts ask, in their order."""
        return [ask for part in self.graders.values() for ask in part.asks(sample)]

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """The formula's value over the parts' scores."""
        parts: dict[str, Grade] = {}
        at = 0
        for name, part in self.graders.items():
            # How many of the answers are this part's: as many as it asks.
            count = len(part.asks(sample)) if answers else 0
            try:
                parts[name] = part.grade(sample, answers[at : at + count])
            except Ungraded as ungraded:
                ungraded.detail = f"part {name!r}: {ungraded.detail}"
                ungraded.usage = spent(answers)  # the other parts' judges were asked as well
                raise
            at += count
        scores = {name: grade.score for name, grade in parts.items()}
        score = self.formula(scores)
        reason = f"{self.calculate_output} = {score:g}; " + "; ".join(
            f"{name} {grade.score:g} ({grade.reason})" for name, grade in parts.items()
        )
        parsed = all(grade.parsed for grade in parts.values())
        return Grade(score, score >= self.pass_threshold, reason, parsed, scores, spent(answers))

    def _with(self, parts: Mapping[str, Grader]) -> Grader:
        return self if parts == self.graders else self.model_copy(update={"graders": parts})

"""The contract of every grader: its own wire JSON, frozen, and two plain methods.

`asks(sample)` returns what the grader needs from the engine, for most graders nothing.
`grade(sample, answers)` returns the verdict. Neither does I/O. The same object is an eval's
criterion, a reward, a filter.

A missing answer of the model under test is a score; a missing verdict of the judge is not. So
`grade` raises `Ungraded` if it reaches no verdict, and returns the lowest score with `parsed` False
if the answer does not contain what the grader looks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from graders.asks import Answer, Ask, Reply
from graders.sample import Sample
from graders.template import template
from graders.ungraded import Kind, Ungraded, Usage

Range = tuple[float, float]
NO_USAGE: Mapping[str, Usage] = {}
NO_PARTS: Mapping[str, float] = {}


class Grade(NamedTuple):
    """A verdict. `parts` are the scores of a multi's parts, `usage` the tokens by judge model.

    `replies` are what judges said; whoever hands the grader its answers puts them here.
    """

    score: float
    passed: bool
    reason: str = ""
    parsed: bool = True
    parts: Mapping[str, float] = NO_PARTS
    usage: Mapping[str, Usage] = NO_USAGE
    replies: Sequence[Reply] = ()


class Pins(NamedTuple):
    """What a run ties its graders to, since another model there would measure something else.

    `judge` and `embedder` are digests, None where none is known. `digest_of` is asked for each
    model that a grader names, and may raise what it likes.
    """

    digest_of: Callable[[str], str]
    judge: str | None = None
    embedder: str | None = None


class Grader(BaseModel, ABC):
    """A grader. The class is the schema of its definition; `name` defaults to its type.

    What the API's own answers carry beside it is passed over: an `id`, and null where a field has
    its default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_what_the_api_echoes(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        fields = without_echo(cast("Mapping[str, Any]", value))
        if "type" in fields and not fields.get("name"):
            fields["name"] = str(fields["type"])
        return fields

    def __getstate__(self) -> dict[Any, Any]:
        """What is pickled: the fields, and not the closures that were made from them."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return {**super().__getstate__(), "__dict__": fields}

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """What has to be known before `grade`: most graders ask nothing."""
        del sample
        return ()

    def needs(self) -> frozenset[type[Ask]]:
        """The kinds of asks that it may make: none for most."""
        return frozenset()

    def packages(self) -> frozenset[str]:
        """The modules outside the core that it imports when it grades: none for most."""
        return frozenset()

    def is_pure(self) -> bool:
        """Whether it never asks: then it can run anywhere, in any number of processes."""
        return not self.needs()

    def slots(self) -> frozenset[str]:
        """The paths that it shows to the model that it asks, such as `sample.output_text`."""
        return frozenset()

    def pictures(self) -> frozenset[str]:
        """The paths of the images that it shows to the model that it asks, such as `item.photo`."""
        return frozenset()

    def about(
        self, prompt: str | Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Grader:
        """The grader for answers to this prompt of an evalset: most do not look at it."""
        del prompt, tools
        return self

    def pinned(self, pins: Pins) -> Grader:
        """The grader, tied to the models that it asks: most ask none."""
        del pins
        return self

    def score_range(self) -> Range | None:
        """The lowest and the highest score that it can give; None where nobody declared them."""
        return None

    def judges(self) -> frozenset[str]:
        """The digests of the judges that it is tied to: none for most."""
        return frozenset()

    def embedders(self) -> frozenset[str]:
        """The digests of the embedding models that it is tied to: none for most."""
        return frozenset()

    @abstractmethod
    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """The verdict, given the answers to `asks` in the same order. Raises Ungraded."""


def spent(answers: Sequence[Answer]) -> dict[str, Usage]:
    """The tokens of every reply among these answers, by judge model."""
    total: dict[str, Usage] = {}
    for answer in answers:
        if isinstance(answer, Reply):
            known = total.get(answer.model, Usage())
            total[answer.model] = Usage(*map(sum, zip(known, answer.usage, strict=True)))
    return total


def without_echo(fields: Mapping[str, Any], echoed: Sequence[str] = ("id",)) -> dict[str, Any]:
    """The fields without nulls, and without names that only the API's answers carry."""
    return {
        name: value for name, value in fields.items() if value is not None and name not in echoed
    }


def _check_template(text: str) -> str:
    template(text)
    return text


def check_range(range_: Range | None) -> Range | None:
    """A validator: from low to high, or not declared at all."""
    if range_ is not None and range_[0] >= range_[1]:
        raise ValueError(f"range runs from low to high, got [{range_[0]:g}, {range_[1]:g}]")
    return range_


def within(score: float, range_: Range | None) -> float:
    """The score. Raises Ungraded where it lies outside the range that was declared."""
    if range_ is not None and not range_[0] <= score <= range_[1]:
        low, high = range_
        detail = f"the score {score:g} lies outside the declared range [{low:g}, {high:g}]"
        raise Ungraded(Kind.OTHER, detail)
    return score


DeclaredRange = Annotated[Range | None, AfterValidator(check_range)]
TemplateText = Annotated[str, AfterValidator(_check_template)]

"""reward_model: a trained model gives one number for a conversation. An extension beyond the wire.

    {"type": "reward_model", "model": "models/liked"}

`model` is a folder, or a hub id that is in the cache: a sequence classifier with one number out, as
`flywheel improve reward` makes it, or an adapter of one. Without `input` it reads the prompt of the
evalset and the answer to it, as its own chat template writes them; another wording of the prompt
under test does not change what it reads. Its number goes through the logistic function, or, with
`raw`, is left as it is and held within `range`.

A reward model knows what was preferred in its own data, and nothing of what is right: an answer
that pleases it by some trick scores as high as a good one. Let other graders audit it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from graders.asks import Answer, Ask, Rate, Rated, only
from graders.grader import Grade, Grader, Pins, TemplateText
from graders.sample import Sample, Unreadable
from graders.spanned import SpannedGrader
from graders.template import template
from graders.text.strict_json import parse_json
from graders.ungraded import Kind, Ungraded

_NO_INPUT = (
    "no conversation to rate: outside of an evalset, whose prompt is the default, say in `input`"
    " what was asked"
)


class Turn(BaseModel):
    """One message of what is rated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: TemplateText


# A list of messages, or "{{ item.messages }}" for a conversation that each item brings along.
Conversation = Annotated[
    Annotated[TemplateText, Tag("path")]
    | Annotated[tuple[Turn, ...], Field(min_length=1), Tag("messages")],
    Discriminator(lambda given: "path" if isinstance(given, str) else "messages"),
]


class RewardModelGrader(SpannedGrader):
    """Scores an answer by a reward model. Passes from `pass_threshold` on, by default the middle.

    `input` is what was asked: the answer is put behind it. Where it shows something of the sample
    it is taken as it is, and its last message is what is rated. `digest` is the content of the
    model; a run fills it in, and another model under that name gives no verdict then.
    """

    type: Literal["reward_model"] = "reward_model"
    model: str = Field(min_length=1)
    input: Conversation | None = None
    tools: tuple[dict[str, Any], ...] = ()
    raw: bool = False
    digest: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _raw_has_a_range(self) -> Self:
        if self.raw and "range" not in self.model_fields_set:
            raise ValueError("raw scores need the range in which they lie, such as [-10, 10]")
        if not self.raw and self.range != (0.0, 1.0):
            raise ValueError(
                "the logistic function gives scores in [0, 1]; leave range out, or say raw: true"
            )
        return self

    @model_validator(mode="after")
    def _an_answer_is_rated(self) -> Self:
        if isinstance(self.input, str):
            if template(self.input).reads_sample():
                raise ValueError("as a text, input names the item's messages; write messages")
        elif self.input and self._shows_sample() and self.input[-1].role != "assistant":
            raise ValueError("where input shows the sample, its last message is the assistant's")
        return self

    def needs(self) -> frozenset[type[Ask]]:
        """Its model."""
        return frozenset({Rate})

    def slots(self) -> frozenset[str]:
        """The paths in its conversation, and the answer."""
        given = () if self.input is None else self.input
        texts = (given,) if isinstance(given, str) else tuple(turn.content for turn in given)
        found = {slot for text in texts for slot in template(text).slots}
        return frozenset(found if self._shows_sample() else found | {"sample.output_text"})

    def about(
        self, prompt: str | Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Grader:
        """The same grader, which reads this prompt when it names no input of its own."""
        if self.input is not None or not prompt:
            return self
        fields = {**self.model_dump(exclude_unset=True), "input": prompt}
        return type(self).model_validate({**fields, "tools": tools} if tools else fields)

    def pinned(self, pins: Pins) -> Grader:
        """The same grader, tied to the content that its model has now."""
        if self.digest is not None:
            return self
        return self.model_copy(update={"digest": pins.digest_of(self.model)})

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """The number for one conversation, or nothing when the answer lacks what is rated."""
        try:
            return (Rate(self.model, self._messages(sample), self.tools, self.digest),)
        except Unreadable:
            return ()

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """The model's number as a score."""
        if not answers:
            try:
                self._messages(sample)
            except Unreadable as error:
                return self.bottom(str(error))
        value = only(answers, Rated, Kind.OTHER, "the reward model").value
        if not math.isfinite(value):
            raise Ungraded(Kind.JUDGE_PARSE, f"{self.model} gave {value}", "not_finite")
        low, high = self.range
        score = min(max(value, low), high) if self.raw else _logistic(value)
        how = "" if score == value else f", held within [{low:g}, {high:g}]"
        reason = f"reward {value:.4f}{how}" if self.raw else f"logistic of {value:.4f}"
        return Grade(score, score >= self.threshold, reason)

    def _messages(self, sample: Sample) -> tuple[Mapping[str, Any], ...]:
        """The conversation, its last message being what is rated."""
        if self.input is None:
            raise Ungraded(Kind.VARIABLE, _NO_INPUT)
        if isinstance(self.input, str):
            return (*_read(template(self.input).render(sample)), _answer(sample))
        asked = tuple(
            {"role": turn.role, "content": template(turn.content).render(sample)}
            for turn in self.input
        )
        return asked if self._shows_sample() else (*asked, _answer(sample))

    def _shows_sample(self) -> bool:
        turns = () if self.input is None or isinstance(self.input, str) else self.input
        return any(template(turn.content).reads_sample() for turn in turns)


def _answer(sample: Sample) -> dict[str, Any]:
    """The answer as a message. Calls of tools that its text does not spell stand beside it."""
    message: dict[str, Any] = {"role": "assistant", "content": sample.output_text}
    if sample.output_tools and "<tool_call>" not in sample.output_text:
        message["tool_calls"] = list(sample.output_tools)
    return message


def _read(text: str) -> list[Mapping[str, Any]]:
    try:
        found = parse_json(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(
        isinstance(one, Mapping) and "role" in one for one in cast("list[Any]", found)
    ):
        raise Ungraded(Kind.VARIABLE, f"input is no list of messages: {text[:200]!r}")
    return cast("list[Mapping[str, Any]]", found)


def _logistic(value: float) -> float:
    """1 / (1 + e^-value), without an overflow on either side."""
    small = math.exp(-abs(value))
    return 1 / (1 + small) if value >= 0 else small / (1 + small)

"""Asks: the requests of graders to an engine, and the answers.

Graders do no I/O. They return what they need (`Judge`, `Run`, `Embed`, `Rate`), and an engine
answers in the same order: a `Reply`, a `Returned`, `Vectors` or a `Rated`, or `Failed`. So requests
are batched, retried, cached and metered in one place, and a test gives a grader a list of answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from graders.ungraded import Kind, Ungraded, Usage


class Judge(NamedTuple):
    """Ask the model named `model` for an answer that matches `schema`.

    `fence` is the random word around model output in `messages`. It differs at every call, so a
    cache replaces it by a constant before it makes its key.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    schema: Mapping[str, Any]
    sampling: Mapping[str, Any]
    fence: str


class Run(NamedTuple):
    """Call `grade(sample, item)` of this Python source in the sandbox."""

    source: str
    sample: Mapping[str, Any]
    item: Mapping[str, Any]


class Embed(NamedTuple):
    """Embed these texts with one model."""

    texts: tuple[str, ...]


class Rate(NamedTuple):
    """Rate the last message of this conversation by the reward model named `model`.

    `digest`, when it is given, is the content that the model must have.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    digest: str | None = None


class Reply(NamedTuple):
    """A judge's reply; `truncated` if it reached its token limit."""

    text: str
    model: str
    usage: Usage = Usage()
    refusal: str | None = None
    truncated: bool = False


class Returned(NamedTuple):
    """What `grade` returned in the sandbox, already checked to be a finite number."""

    value: float


class Vectors(NamedTuple):
    """The embeddings, one for each text, in order."""

    rows: tuple[tuple[float, ...], ...]


class Rated(NamedTuple):
    """The number that a reward model gave, as it came out."""

    value: float


class Failed(NamedTuple):
    """There is no answer: the kind of failure in the wire's words, its short name, the story."""

    kind: Kind
    label: str
    detail: str


Ask = Judge | Run | Embed | Rate
Answer = Reply | Returned | Vectors | Rated | Failed
Wanted = TypeVar("Wanted", Reply, Returned, Vectors, Rated)


def only(answers: Sequence[Answer], wanted: type[Wanted], kind: Kind, who: str) -> Wanted:
    """The one answer, which `who` gave. Raises Ungraded: as it failed, or of `kind` for others."""
    match answers:
        case [Failed() as failed]:
            raise Ungraded(failed.kind, failed.detail, failed.label)
        case [answer] if isinstance(answer, wanted):
            return answer
        case _:
            raise Ungraded(kind, f"{who} answered {answers!r}", "no_answer")

"""The contract of every sampler: a batch of requests in, outputs out as they finish.

A sampler never raises for one request: what failed is an output with an `error`. It says what each
output cost. A request may ask for more than text: the log-probabilities of given options (multiple
choice without generating), or the loss of a reference answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from graders.ungraded import Usage

# How APIs spell the limit of an answer's length; the first that is set counts.
LENGTHS = ("max_completion_tokens", "max_completions_tokens", "max_tokens", "max_output_tokens")


class Request(NamedTuple):
    """One question to a model, in the words of chat completions.

    `schema` is the JSON schema that the answer must have, `tools` what the model may call. With
    `options` nothing is generated: the text is the likeliest option. With `reference` the output
    also tells the loss of that answer. A sampler that cannot do one of these says so as an `error`.
    `item` is what the messages are about, for a function of the user's; no model is shown it.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    sampling: Mapping[str, Any] = {}
    schema: Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    options: Sequence[str] = ()
    reference: str | None = None
    item: Any = None

    def text(self) -> str:
        """Everything that the messages say, for matching and for echoing."""
        contents = (message.get("content") for message in self.messages)
        return "\n".join(
            one if isinstance(one, str) else "\n".join(part.get("text", "") for part in one or ())
            for one in contents
        )


class Loss(NamedTuple):
    """The loss of a text: the sum over its tokens, in nats, and how many tokens it has."""

    nats: float
    tokens: int


class Output(NamedTuple):
    """What a model gave, or the `error` that stands in its place, and what it cost.

    `price` is in US dollars, None when unknown. `seconds` is from sending to receiving, without
    the time in a queue. `option_nats` are the negative log-probabilities of `Request.options`, sums
    over `option_tokens` tokens each. `violation` tells where the text breaks `Request.schema`: that
    is the model's doing, so it is no error. `unchecked` says why nobody can tell whether it does.
    `model` is the name that the answer came under, `finish_reason` why it ended in the words of
    chat completions, `response` what else the provider sent with it, as JSON.
    """

    text: str = ""
    model: str = ""
    usage: Usage = Usage()
    refusal: str | None = None
    truncated: bool = False
    error: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    seconds: float = 0.0
    price: float | None = None
    option_nats: Sequence[float] = ()
    reference_loss: Loss | None = None
    option_tokens: Sequence[int] = ()
    violation: str | None = None
    unchecked: str | None = None
    finish_reason: str | None = None
    response: str | None = None


class Sampler(Protocol):
    """Prompt in, text out."""

    def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Answer every request once, in any order, as (position in `requests`, output)."""
        ...


def asks_provider(name: str) -> bool:
    """Whether who answers under this name may cost money, and may answer with another model."""
    return name.lower().startswith(("http://", "https://", "endpoint", "python:"))

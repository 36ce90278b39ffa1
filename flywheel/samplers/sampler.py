"""The contract of every sampler: a batch of requests in, outputs out as they finish.

A sampler never raises for one request: a failed request gives an output with an `error`. Each
output has its cost. A request may ask for more than text: the log-probabilities of given options
(multiple choice without generating), or the loss of a reference answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from graders.ungraded import Usage

# How APIs spell the limit of an answer's length; the first that is set counts.
LENGTHS = ("max_completion_tokens", "max_completions_tokens", "max_tokens", "max_output_tokens")


class Request(NamedTuple):
    """One request to a model, with the field names of chat completions.

    `schema` is the JSON schema of the answer, `tools` are the functions that the model may call.
    With `options` the text is the likeliest option, and no text is generated. With `reference` the
    output has the loss of that answer. A sampler that does not support one of these returns an
    `error`. `item` is only for a function of the user; models do not see it.
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
        """The text of all messages, for matching and for echoing."""
        contents = (message.get("content") for message in self.messages)
        return "\n".join(
            one if isinstance(one, str) else "\n".join(part.get("text", "") for part in one or ())
            for one in contents
        )


class Loss(NamedTuple):
    """The loss of a text: the sum over its tokens, in nats, and the number of tokens."""

    nats: float
    tokens: int


class Output(NamedTuple):
    """The answer of a model, or an `error`, and its cost.

    `price` is in US dollars, None when unknown. `seconds` is from sending to receiving, without
    the time in a queue. `option_nats` are the negative log-probabilities of `Request.options`, sums
    over `option_tokens` tokens each. `violation` says where the text violates `Request.schema`,
    which is not an error; `unchecked` says why this could not be checked. `model` is the name in
    the response, `finish_reason` as in chat completions, `response` other fields of the provider's
    response as JSON.
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
    """Whether requests to this model may cost money and be answered by another model."""
    return name.lower().startswith(("http://", "https://", "endpoint", "python:"))

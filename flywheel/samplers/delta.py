"""Streaming: the pieces of an answer, with the log-probabilities of its tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal, NamedTuple, Protocol

from flywheel.samplers.sampler import Request
from graders.ungraded import Usage

Finish = Literal["stop", "length", "tool_calls", "error"]


class Chance(NamedTuple):
    """A token's text, its log-probability before temperature, and the likeliest ones in its place.

    The text of a token that is a part of a character is the replacement character.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Delta(NamedTuple):
    """A piece of one of the answers to a request.

    `finish` is in the last piece of an answer: "stop" when the model ended it or a stop text did,
    "length" when it was cut, "tool_calls" when its text holds calls, "error" with the reason in
    `error`. `usage` is in the last piece too, of this answer alone. The texts of an answer joined
    are the text that `sample` gives.
    """

    choice: int = 0
    text: str = ""
    tokens: tuple[Chance, ...] = ()
    finish: Finish | None = None
    usage: Usage = Usage()
    error: str | None = None


class StreamingModel(Protocol):
    """A model that streams its answers."""

    def submit(self, request: Request, adapter: str | None = None) -> AsyncGenerator[Delta]:
        """The answers to one request, piece by piece; `n` in its sampling is how many.

        Closing the iterator takes its rows out of the batch before the next step. `adapter` is the
        folder of a LoRA adapter of this model, None the model as it is.
        """
        ...

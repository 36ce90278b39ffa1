"""The contract of every sampler: a batch of requests in, outputs out as they finish.

A sampler never raises for one request: what failed is an output with an `error`. It says what each
output cost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from graders.ungraded import Usage


class Request(NamedTuple):
    """One question to a model, in the words of chat completions."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    sampling: Mapping[str, Any] = {}
    schema: Mapping[str, Any] | None = None

    def text(self) -> str:
        """Everything that the messages say, for matching and for echoing."""
        return "\n".join(_said(message.get("content")) for message in self.messages)


class Output(NamedTuple):
    """What a model gave, or the `error` that stands in its place."""

    text: str = ""
    model: str = ""
    usage: Usage = Usage()
    refusal: str | None = None
    truncated: bool = False
    error: str | None = None


class Sampler(Protocol):
    """Prompt in, text out."""

    def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Answer every request once, in any order, as (position in `requests`, output)."""
        ...


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or ())

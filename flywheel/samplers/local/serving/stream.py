# pyright: standard
"""The pieces of a row's text, sent as they come and never taken back.

A character may take several tokens, and a stop text may begin in one token and end in another: what
could still change is held back until it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flywheel.samplers.delta import Delta
from flywheel.samplers.local.decode import Row
from flywheel.samplers.sampler import Output

_MOST_CHOICES = 128
_MOST_TOP = 20
_OF_STREAMS = ("n", "logprobs", "top_logprobs", "stream", "stream_options")
_HALF = "\ufffd"  # stands for the bytes of a character that is not complete


class Pieces:
    """One answer under way. `send` is called with each piece."""

    def __init__(self, tokenizer: Any, send: Callable[[Delta], object]) -> None:
        self._tokenizer, self._send = tokenizer, send
        self._characters = self._tokens = 0

    def __call__(self, row: Row) -> None:
        """Send what the row has more than before, as far as it cannot change."""
        text = self._tokenizer.decode(row.made, skip_special_tokens=True).rstrip(_HALF)
        end = len(text) - max((_begun(text, stop) for stop in row.stops), default=0)
        # A row that began again, for want of memory, says first what it said before.
        if end <= self._characters and len(row.chances) <= self._tokens:
            return
        self._send(self._piece(row, text[self._characters : end]))

    def last(self, row: Row, output: Output) -> None:
        """Send the rest, and how it ended."""
        piece = self._piece(row, output.text[self._characters :])
        finish: Any = "error" if output.error else output.finish_reason or "stop"
        self._send(piece._replace(finish=finish, usage=output.usage, error=output.error))

    def _piece(self, row: Row, text: str) -> Delta:
        chances = row.chances[: len(row.made)]
        tokens = tuple(chances[self._tokens :])
        self._characters += len(text)
        self._tokens += len(tokens)
        return Delta(row.choice, text, tokens)


def how_many(sampling: Mapping[str, Any]) -> tuple[int, int | None]:
    """How many answers are wanted, and of how many tokens the chances; None without `logprobs`.

    Raises ValueError.
    """
    choices, top = sampling.get("n") or 1, sampling.get("top_logprobs") or 0
    for name, value, least, most in (
        ("n", choices, 1, _MOST_CHOICES),
        ("top_logprobs", top, 0, _MOST_TOP),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{name} is a number from {least} to {most}, got {value!r}")
    if top and not sampling.get("logprobs"):
        raise ValueError("top_logprobs needs logprobs: true")
    return choices, top if sampling.get("logprobs") else None


def unstreamed(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """The sampling of one whole answer."""
    return {name: value for name, value in sampling.items() if name not in _OF_STREAMS}


def _begun(text: str, stop: str) -> int:
    """How many of the last characters may be the beginning of the stop text."""
    most = min(len(stop) - 1, len(text))
    return next((n for n in range(most, 0, -1) if text.endswith(stop[:n])), 0)

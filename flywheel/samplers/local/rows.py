# pyright: standard
"""Requests as rows of tokens, or the error that says why a request cannot be one.

Known parameters: temperature (greedy without one, so that a run repeats), top_p, seed (random
without one), max_completion_tokens, stop, and `chat_template_kwargs` and `reasoning_effort` for
the template. `response_format` and the bookkeeping of hosted APIs are passed over: nothing forces
a local model into a schema, so its breaches show in `Output.violation`. Others are refused.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel.samplers.local.chat import Chat, NoPrompt
from flywheel.samplers.local.decode import Row
from flywheel.samplers.local.load import Loaded
from flywheel.samplers.sampler import LENGTHS, Request

_KNOWN = {"temperature", "top_p", "seed", "stop", "chat_template_kwargs", "reasoning_effort"}
_PASSED_OVER = {"response_format", "text", "user", "metadata", "store", "service_tier"}
# What these mean when they have this value is what is done here anyway.
_HARMLESS = {"n": 1, "frequency_penalty": 0, "presence_penalty": 0, "stream": False}


class NoRow(Exception):
    """The request cannot be done by a local model; the message says why."""


class RowMaker:
    """Makes rows for one model. `most` is the length of answers where the request sets none."""

    def __init__(self, loaded: Loaded, most: int) -> None:
        self._loaded = loaded
        self._chat = Chat(loaded.tokenizer)
        self._most = most

    def make(self, requests: Sequence[Request]) -> list[Row | NoRow]:
        """A row, or why there is none, for every request."""
        texts = [self._text(request) for request in requests]
        good = [text for text in texts if isinstance(text, str)]
        found = iter(self._encode(good))
        return [
            text if isinstance(text, NoRow) else self._row(index, request, text, next(found))
            for index, (request, text) in enumerate(zip(requests, texts, strict=True))
        ]

    def _text(self, request: Request) -> str | NoRow:
        try:
            _refuse_unknown(request.sampling)
            extra = dict(request.sampling.get("chat_template_kwargs") or {})
            if effort := request.sampling.get("reasoning_effort"):
                extra.setdefault("reasoning_effort", effort)
            return self._chat.prompt(request.messages, request.tools, extra)
        except (NoPrompt, NoRow, TypeError, AttributeError, KeyError) as error:
            return NoRow(str(error))

    def _row(self, index: int, request: Request, text: str, ids: list[int]) -> Row | NoRow:
        try:
            row = Row(index, ids, **_chosen(request.sampling, self._most))
        except (TypeError, ValueError) as error:
            return NoRow(f"a sampling parameter cannot be read: {error}")
        row.texts = [self._continuation(text, ids, option) for option in request.options]
        if request.reference is not None:
            row.texts.append(self._continuation(text, ids, request.reference))
        if request.options:
            row.longest = 0
        if not all(row.texts):
            return NoRow("an empty text cannot be scored")
        if not (row.texts or row.longest):
            return NoRow("max_completion_tokens is 0, so there is nothing to write")
        return self._fitted(row)

    def _fitted(self, row: Row) -> Row | NoRow:
        """The row with no more to come than the model's context has room for."""
        context = self._loaded.context
        if not row.ids:
            return NoRow("the prompt is empty")
        if context is None:
            return row
        room = context - len(row.ids)
        least = max((len(text) for text in row.texts), default=1)
        if room < least:
            return NoRow(
                f"the prompt has {len(row.ids)} tokens, and the model's context {context}"
                f"{'' if room < 1 else f', which leaves too little for {least} more'}"
            )
        row.longest = min(row.longest, room)
        return row

    def _continuation(self, text: str, ids: list[int], added: str) -> list[int]:
        """The tokens of `added` behind the prompt, as they would be in one text."""
        (whole,) = self._encode([text + added])
        if whole[: len(ids)] == ids:
            return whole[len(ids) :]
        return self._loaded.tokenizer(added, add_special_tokens=False)["input_ids"]

    def _encode(self, texts: list[str]) -> list[list[int]]:
        # A template writes the special tokens itself; twice a beginning would be an odd prompt.
        special = not self._chat.templated
        if not texts:
            return []
        encoded = self._loaded.tokenizer(texts, add_special_tokens=special)["input_ids"]
        return [[*self._loaded.prefix, *ids] for ids in encoded]


def _chosen(sampling: Mapping[str, Any], most: int) -> dict[str, Any]:
    length = next((sampling[name] for name in LENGTHS if sampling.get(name) is not None), most)
    stop = sampling.get("stop") or ()
    seed = sampling.get("seed")
    top_p = sampling.get("top_p")
    chosen = {
        "longest": int(length),
        "temperature": float(sampling.get("temperature") or 0.0),
        "top_p": 1.0 if top_p is None else float(top_p),
        "seed": random.getrandbits(63) if seed is None else int(seed),
        "stops": (stop,) if isinstance(stop, str) else tuple(stop),
    }
    for name, least in (("longest", 0), ("temperature", 0.0), ("top_p", 0.0)):
        if not chosen[name] >= least:
            raise ValueError(f"{name} is {chosen[name]!r}")
    if not all(isinstance(text, str) and text for text in chosen["stops"]):
        raise ValueError(f"stop is a text or a list of texts, got {stop!r:.80}")
    return chosen


def _refuse_unknown(sampling: Mapping[str, Any]) -> None:
    known = _KNOWN | _PASSED_OVER | set(LENGTHS)
    for name, value in sampling.items():
        if name in known or value is None or (name in _HARMLESS and value == _HARMLESS[name]):
            continue
        raise NoRow(f"a local model cannot do {name}={value!r}; leave that parameter out")

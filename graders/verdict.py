"""What a judge's reply says: the JSON verdict in it, or which kind of silence it is.

A judge is asked for `{"steps": [...], "result": ...}`. Thinking (`<think>...</think>`) is dropped,
and when a reply holds several verdicts the last one counts. Unreadable, refused and absent are
three different kinds of Ungraded; none of them is a score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, cast

from graders.asks import Answer, Failed, Reply
from graders.strict_json import parse_json_at
from graders.ungraded import Kind, Ungraded

_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_READ = 100_000  # characters from the end of a reply
_MOST_FAILURES = 1000
_SHOWN = 300


def the_reply(answers: Sequence[Answer]) -> Reply:
    """The one reply that a model grader waits for. Raises Ungraded when the judge gave none."""
    match answers:
        case [Reply() as reply]:
            if reply.refusal is not None:
                raise Ungraded(Kind.JUDGE_REFUSAL, f"the judge refused: {reply.refusal[:_SHOWN]}")
            return reply
        case [Failed(kind=kind, label=label, detail=detail)]:
            raise Ungraded(kind, detail, label)
        case _:
            raise Ungraded(Kind.JUDGE_SERVER, f"wanted one reply of the judge, got {answers!r}")


def read_score(reply: Reply, low: float, high: float) -> float:
    """The number in `result`, clamped to the range."""
    result = _result(reply)
    try:
        score = math.nan if isinstance(result, bool) else float(result)
    except (TypeError, ValueError):
        score = math.nan
    if math.isnan(score):
        raise _unreadable(reply, f"its result is {result!r}, wanted a number")
    return min(max(score, low), high)


def read_label(reply: Reply, labels: Sequence[str]) -> str:
    """The label in `result`."""
    result = _result(reply)
    if isinstance(result, str) and result.strip() in labels:
        return result.strip()
    raise _unreadable(reply, f"its result is {result!r}, wanted one of {', '.join(labels)}")


def explanation(reply: Reply) -> str:
    """The judge's own steps as one text, empty when it gave none."""
    verdict = _verdict(_spoken(reply))
    steps = verdict.get("steps") if verdict else None
    if not isinstance(steps, list):
        return ""
    told: list[str] = []
    for step in cast("list[Any]", steps):
        fields = cast("dict[str, Any]", step) if isinstance(step, dict) else {"conclusion": step}
        told.append(": ".join(str(value) for value in fields.values()))
    return "; ".join(told)


def _result(reply: Reply) -> Any:
    """`result` of the last verdict, or the whole reply when it is no JSON but a bare word."""
    text = _spoken(reply)
    verdict = _verdict(text)
    if verdict is not None:
        return verdict["result"]
    if "{" in text or not text:
        raise _unreadable(reply, "no verdict in it")
    return text


def _spoken(reply: Reply) -> str:
    return _THINKING.sub("", reply.text)[-_READ:].strip()


def _verdict(text: str) -> dict[str, Any] | None:
    """The last JSON object that has a `result`. Objects inside objects are not looked at."""
    last = None
    at = text.find("{")
    failures = 0
    while at >= 0 and failures < _MOST_FAILURES:
        try:
            value, end = parse_json_at(text, at)
        except ValueError:
            failures += 1
            end = at + 1
        else:
            if "result" in value:
                last = value
        at = text.find("{", end)
    return last


def _unreadable(reply: Reply, why: str) -> Ungraded:
    cut = " (it was cut off by the token limit)" if reply.truncated else ""
    return Ungraded(
        Kind.JUDGE_PARSE, f"the judge's answer{cut} cannot be read, {why}: {reply.text[:_SHOWN]!r}"
    )

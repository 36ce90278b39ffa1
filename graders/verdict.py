"""What a judge's reply says: the JSON verdict in it, or which kind of silence it is.

A judge is asked for `{"steps": [...], "result": ...}`. Thinking that opens a reply
(`<think>...</think>`) is dropped, and when a reply holds several verdicts the last one counts.
Unreadable, refused and absent are three different kinds of Ungraded; none of them is a score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, cast

from graders.asks import Answer, Failed, Reply
from graders.json_objects import objects_in
from graders.ungraded import Kind, Ungraded

_THINKING = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
# What may stand behind a verdict that ends a reply: blanks, and the end of a code block.
_ENDING = re.compile(r"[\s`]*\Z")
_READ = 100_000  # characters from the end of a reply
_SHOWN = 300


def the_reply(answers: Sequence[Answer]) -> Reply:
    """The one reply that a model grader waits for. Raises Ungraded when the judge gave none."""
    match answers:
        case [Reply() as reply]:
            if reply.refusal:
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
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise _unreadable(reply, f"its result is {result!r}, wanted a number")
    return min(max(score, low), high)


def read_label(reply: Reply, labels: Sequence[str]) -> str:
    """The label in `result`."""
    result = _result(reply)
    if isinstance(result, str):
        said = _bare(result)
        fits = [label for label in labels if _bare(label) == said]
        exact = [label for label in fits if label == result.strip()]
        if exact or len(fits) == 1:
            return (exact or fits)[0]
    raise _unreadable(reply, f"its result is {result!r}, wanted one of {', '.join(labels)}")


def _bare(label: str) -> str:
    """A label without what judges put around it: quotes, a full stop, another case."""
    return label.strip().strip("\"'`*").rstrip(".").strip().casefold()


def explanation(reply: Reply) -> str:
    """The judge's own steps as one text, empty when it gave none."""
    verdict = _verdict(reply)
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
    verdict = _verdict(reply)
    if verdict is not None:
        return verdict["result"]
    # Some chat templates open the thinking themselves, so that a reply only closes it.
    word = _spoken(reply).rpartition("</think>")[2].strip()
    if "{" in word or not word:
        raise _unreadable(reply, "no verdict in it")
    return word


def _spoken(reply: Reply) -> str:
    return _THINKING.sub("", reply.text)[-_READ:].strip()


def _verdict(reply: Reply) -> dict[str, Any] | None:
    """The last JSON object with a `result`, and nothing that may only have been quoted.

    In a reply that is cut off or holds broken JSON, an object counts only when it ends the reply:
    anything else may be the answer under judgement, said back.
    """
    text = _spoken(reply)
    last = None
    for found in objects_in(text):
        trusted = found.clean and not reply.truncated
        if "result" in found.value and (trusted or _ENDING.match(text, found.end)):
            last = found
    return last.value if last else None


def _unreadable(reply: Reply, why: str) -> Ungraded:
    cut = " (it was cut off by the token limit)" if reply.truncated else ""
    return Ungraded(
        Kind.JUDGE_PARSE, f"the judge's answer{cut} cannot be read, {why}: {reply.text[:_SHOWN]!r}"
    )

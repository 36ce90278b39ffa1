"""The reasons of failed requests, with counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from flywheel.outputs import runs as outputs

NOT_ASKED = "not asked: the endpoint is out: "
# What differs from one request to the next, though the reason is the same.
_ASIDE = re.compile(r" \((gave up after|not asked again)[^()]*\)$")
_NUMBER = re.compile(r"\d+")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in the words of its first request, and how many requests it cost.

    `not_asked` of the `count` were not sent any more, because of those that were.
    """

    text: str
    count: int
    not_asked: int = 0

    def as_json(self) -> outputs.Reason:
        """The reason as `--json` prints it."""
        return {"reason": self.text, "count": self.count, "not_asked": self.not_asked}


def reasons(errors: Iterable[tuple[str, int]]) -> list[Reason]:
    """The reasons in these errors, each with how often it came; the most frequent first."""
    texts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for error, count in errors:
        text = _ASIDE.sub("", error.removeprefix(NOT_ASKED))
        kind = _NUMBER.sub("#", text)
        texts.setdefault(kind, text)
        counts[kind] += count
        skipped[kind] += count if error.startswith(NOT_ASKED) else 0
    return [Reason(texts[kind], n, skipped[kind]) for kind, n in counts.most_common()]


def summary(found: Iterable[Reason]) -> str:
    """The most frequent reasons in one line."""
    every = list(found)
    shown = [
        f"{one.text} ({one.count}, {one.not_asked} of them not sent after that)"
        if one.not_asked
        else f"{one.text} ({one.count})"
        for one in every[:_SHOWN]
    ]
    rest = sum(reason.count for reason in every[_SHOWN:])
    return "; ".join([*shown, f"other reasons ({rest})"] if rest else shown)

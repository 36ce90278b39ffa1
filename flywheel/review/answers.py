"""The answers of two runs to the same items: which pairs differ, and their texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flywheel.review.blind import Place
from flywheel.review.rows import Verdict
from flywheel.store.reader import Reader
from flywheel.store.tables.definitions import item_texts, prompt_messages
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import different_answers, newest_answers
from flywheel.store.tables.scores import item_verdicts

_SPACE = " \t\n\r"
_SLOT = re.compile(r"\bitem\.(\w+)")


class Asked(NamedTuple):
    """An item's fields as text: `asked` are used by a prompt, `rest` are not."""

    asked: dict[str, str]
    rest: dict[str, str]


def differing(store: Reader, one: RunRow, other: RunRow) -> list[Place]:
    """The pairs for which both runs have an answer and the answers differ.

    Surrounding white space and the ids of tool calls are ignored.
    """
    a, b = one.sampled, other.sampled
    if a == b:
        return []
    return [
        Place(pair.item, pair.repeat)
        for pair in different_answers(store, a, b, _SPACE)
        if not pair.calls
        or said(pair.a_text or "", pair.a_extra) != said(pair.b_text or "", pair.b_extra)
    ]


def said(text: str, extra: str | None) -> str:
    """The model's whole output as text: content, refusal and tool calls."""
    more: dict[str, Any] = json.loads(extra) if extra else {}
    parts = [text.strip(_SPACE), more.get("refusal") or "", *map(_call, more.get("tools") or ())]
    return "\n".join(part for part in parts if part)


def texts(store: Reader, run: RunRow, items: Sequence[str]) -> dict[Place, str | None]:
    """A run's answers to these items; None if the request failed."""
    return {
        Place(one.item, one.repeat): None if one.error else said(one.output_text, one.extra)
        for one in newest_answers(store, run.sampled, items)
    }


def verdicts(store: Reader, run: RunRow, grader: str, items: Sequence[str]) -> dict[Place, Verdict]:
    """A run's answers to these items, each with the grader's score or error."""
    rows = item_verdicts(store, run.run, grader, items)
    by_place = {Place(row.item, row.repeat): row for row in rows}
    by_answer: dict[Place, Verdict] = {}
    for place, text in texts(store, run, items).items():
        one = by_place.get(place)
        kind = "the request failed" if text is None else one and one.error_kind
        by_answer[place] = Verdict(text or "", kind, one and one.score, one.reason if one else "")
    return by_answer


def item_fields(store: Reader, items: Sequence[str], runs: Sequence[RunRow]) -> dict[str, Asked]:
    """The fields of these items by digest, split by whether a prompt of the runs uses them."""
    prompts = (prompt_messages(store, run.prompt_digest) or "" for run in runs)
    named = {name for text in prompts for name in _SLOT.findall(text)}
    stored = item_texts(store, items)
    return {digest: _split(json.loads(text), named) for digest, text in stored.items()}


def prompt_text(store: Reader, run: RunRow) -> str:
    """The messages of the run's prompt, each as `role: content`; empty if the store has none."""
    messages: Any = json.loads(prompt_messages(store, run.prompt_digest) or "[]")
    if isinstance(messages, str):
        return messages
    return "\n\n".join(f"{m.get('role')}: {as_text(m.get('content', ''))}" for m in messages)


def _split(item: Mapping[str, Any], named: set[str]) -> Asked:
    fields = {name: as_text(value) for name, value in item.items()}
    asked = {name: text for name, text in fields.items() if name in named}
    return Asked(asked or fields, {n: t for n, t in fields.items() if asked and n not in asked})


def as_text(value: Any) -> str:
    """A field of an item for display: strings unchanged, everything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=None if len(str(value)) < 80 else 2)


def _call(tool: Mapping[str, Any]) -> str:
    called: Mapping[str, Any] = tool.get("function") or tool
    return f"{called.get('name')}({as_text(called.get('arguments', ''))})"

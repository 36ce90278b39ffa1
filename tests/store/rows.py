"""Rows for the store's tests: small, real, and as many as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flywheel.store.rows.digest import digest
from flywheel.store.tables.decisions import BaselineRow
from flywheel.store.tables.definitions import EvalsetRow, GraderRow, ItemRow, ModelRow, PromptRow
from flywheel.store.tables.runs import RunEventRow, RunRow
from flywheel.store.tables.samples import SampleRow
from flywheel.store.tables.scores import ScoreRow

NOON = datetime(2026, 11, 20, 12)
EXACT = digest("exact")
Tables = dict[str, Sequence[tuple[Any, ...]]]


def item_digest(number: int) -> str:
    return digest({"number": number})


def item(number: int, **columns: Any) -> ItemRow:
    row = ItemRow(item_digest(number), digest("evalset"), "dev", number, f"i{number}", "{}")
    return row._replace(**columns)


def run(name: str, minute: int = 0, **columns: Any) -> RunRow:
    row = RunRow(
        run=name,
        created=NOON + timedelta(minutes=minute),
        kind="eval",
        parent=None,
        evalset="capitals",
        evalset_digest=digest("evalset"),
        split="dev",
        split_digest=digest("split"),
        model="scripted",
        model_digest=digest("model"),
        prompt_digest=digest("prompt"),
        sampling="{}",
        sampling_digest=digest({}),
        repeats=2,
        items=2,
        graders="[]",
        primary_grader="exact",
        version="0.1.0",
        note=None,
    )
    return row._replace(**columns)


def event(name: str, status: str, minute: int = 0) -> RunEventRow:
    return RunEventRow(name, NOON + timedelta(minutes=minute), status, None)


def sample(name: str, number: int, repeat: int = 0, **columns: Any) -> SampleRow:
    row = SampleRow(
        run=name,
        item=item_digest(number),
        position=number,
        repeat=repeat,
        key=digest([number, repeat]),
        output_text="Paris",
        extra=None,
        error=None,
        truncated=False,
        prompt_tokens=12,
        completion_tokens=3,
        cached_tokens=0,
        seconds=0.25,
        price=None,
        cached=False,
        created=NOON,
    )
    return row._replace(**columns)


def score(name: str, number: int, repeat: int = 0, **columns: Any) -> ScoreRow:
    row = ScoreRow(
        run=name,
        item=item_digest(number),
        position=number,
        repeat=repeat,
        grader=EXACT,
        name="exact",
        score=1.0,
        passed=True,
        parsed=True,
        reason="'Paris' eq 'Paris' is True",
        error_kind=None,
        error_label=None,
        error_detail=None,
        parts=None,
        created=NOON,
    )
    return row._replace(**columns)


def ungraded(name: str, number: int, repeat: int = 0, **columns: Any) -> ScoreRow:
    row = score(name, number, repeat)._replace(
        score=None, passed=None, parsed=None, reason="", error_kind="other_error"
    )
    return row._replace(**columns)


def baseline(name: str, minute: int = 0, **columns: Any) -> BaselineRow:
    row = BaselineRow(
        evalset="capitals",
        evalset_digest=digest("evalset"),
        split="dev",
        model_digest=digest("model"),
        prompt_digest=digest("prompt"),
        sampling_digest=digest({}),
        run=name,
        created=NOON + timedelta(minutes=minute),
    )
    return row._replace(**columns)


def whole(name: str, items: int = 2, repeats: int = 2) -> Tables:
    """A run that leads to everything that it was made of."""
    pairs = [(number, repeat) for number in range(items) for repeat in range(repeats)]
    return {
        "evalsets": [EvalsetRow(digest("evalset"), "capitals", "{}", NOON)],
        "items": [item(number) for number in range(items)],
        "graders": [GraderRow(EXACT, "exact", "string_check", "{}")],
        "prompts": [PromptRow(digest("prompt"), "[]")],
        "models": [ModelRow(digest("model"), "scripted", "scripted", "{}")],
        "runs": [run(name, items=items, repeats=repeats)],
        "run_events": [event(name, "started")],
        "samples": [sample(name, *pair) for pair in pairs],
        "scores": [score(name, *pair) for pair in pairs],
    }

"""Measure the floors of a graded run from the store, and store them.

This happens after the run and delays no answer; at most a twentieth of a large run is read again.
It costs nothing: the sandbox runs Python graders on a hundred items, and a judge is asked only on
request (`--judge-floors`).
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flywheel.engines.engine import Answerer
from flywheel.errors import BadItem, BadOption
from flywheel.evals.evalset.evalset import PromptMessage, ask, fill
from flywheel.evals.floors.floors import Answered, Effort, Floors, grade_floors, load_floors
from flywheel.evals.results.results import definition_of
from flywheel.samplers.resolve import pins_of
from flywheel.stats.seeds import seed_of
from flywheel.store.errors import BrokenStore, StoreFailed
from flywheel.store.reader import Reader
from flywheel.store.rows.digest import canonical_json
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.definitions import grader_definition
from flywheel.store.tables.floors import FloorsRow
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import count_distinct, first_answers, first_lengths
from flywheel.synchronous import result_of
from graders.asks import Answer, Ask, Failed, Run
from graders.definition import AnyGrader
from graders.grader import Grader
from graders.sample import Sample
from graders.ungraded import Kind

_GRADER: TypeAdapter[Any] = TypeAdapter(AnyGrader)
_PROMPT: TypeAdapter[Any] = TypeAdapter(str | tuple[PromptMessage, ...])
# All items of a small run, a twentieth of a large one: floors add less than 5% to a run's time.
_FEWEST, _SHARE, _MOST = 500, 20, 20_000
# A sandboxed call takes milliseconds, and a judge request costs money.
_MOST_IN_SANDBOX, _MOST_BY_MODEL = 100, 50
# The total characters of items and answers, which bounds memory.
_MOST_TEXT = 40_000_000
_IMPORTED = "the grader of another harness cannot be asked"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far measuring may go. `models` lets a grader ask its judge about floors.

    `text` is how many characters of items and answers are read, all together.
    """

    models: bool = False
    everything: bool = False
    text: int = _MOST_TEXT


async def keep_floors(
    store: Store, row: RunRow, engine: Answerer, *, models: bool = False
) -> Floors:
    """Measure the floors of a graded run, and store them.

    If the store cannot read the answers within its memory, the run has no floors.
    """
    try:
        found = await measure_floors(store, row, engine, Limits(models=models))
    except BrokenStore:
        raise
    except StoreFailed as error:
        found = Floors(0, 0, (), f"not measured: {error}")
    detail = {
        "floors": [
            {name: getattr(one, name) for name in ("name", "answer", "mean", "low", "high")}
            for one in found.floors
        ],
        "note": found.note,
    }
    kept = FloorsRow(
        run=row.run,
        grader=dict(json.loads(row.graders))[row.primary_grader],
        answers=found.answers,
        distinct_answers=found.distinct_answers,
        detail=canonical_json(detail),
        scores=canonical_json(
            {one.name: {str(at): score for at, score in one.scores.items()} for one in found.floors}
        ),
        created=utc_now(),
    )
    store.write(f"{row.run}/floors/{uuid.uuid4().hex}", {"floors": [kept]})
    return found


def floors_of(store: Reader, row: RunRow, items: int) -> Floors:
    """The floors that were measured with a run.

    Where they are missing, or cover fewer than `items`, a grader that asks nothing grades them now.
    """
    known = load_floors(store, row.run)
    highest = known.highest if known else None
    if known and (highest is None or len(highest.scores) >= items):
        return known
    grader, _ = _grader(store, row)
    if grader is not None and grader.is_pure():
        return result_of(measure_floors(store, row, _NoEngine(), Limits(everything=True)))
    if known:
        return known
    note = _IMPORTED if grader is None else "not measured with the run: flywheel regrade does it"
    return Floors(*_count_answers(store, row), (), note)


async def measure_floors(
    store: Reader, row: RunRow, engine: Answerer, limits: Limits | None = None
) -> Floors:
    """The floors of a run by its primary grader. What cannot be measured is said in `note`."""
    limits = limits or Limits()
    answers, distinct = _count_answers(store, row)
    grader, note = _grader(store, row)
    if grader is None:
        return Floors(answers, distinct, (), note)
    answered = _answered(store, row, _affordable(store, row, limits))
    most, effort, note = _effort(grader, answered, limits)
    if note:
        return Floors(answers, distinct, (), note)
    seed = seed_of("floors", row.split_digest)
    if len(answered) > most:
        kept = sorted(random.Random(seed).sample(range(len(answered)), most))
        answered = [answered[at] for at in kept]
    asking = engine if limits.models else _Sandboxed(engine)
    if limits.models and not grader.is_pure():  # calls of a judge cost money
        answered = [one._replace(asked=None) for one in answered]
    floors, note = await grade_floors(grader, answered, asking, seed, effort)
    return Floors(answers, distinct, floors, note)


def _count_answers(store: Reader, row: RunRow) -> tuple[int, int]:
    """How many answers a run has, and how many of them differ by more than blanks around them."""
    found = count_distinct(store, row.sampled)
    # Another harness may have kept its scores alone.
    known = row.note is None or found.kept
    return (found.n, found.distinct) if known else (0, 0)


def _grader(store: Reader, row: RunRow) -> tuple[Grader | None, str]:
    """The primary grader as the store has it, or why there is none."""
    digest = dict(json.loads(row.graders)).get(row.primary_grader)
    definition = json.loads(grader_definition(store, digest) or '{"type": "imported"}')
    if definition.get("type") == "imported":
        return None, _IMPORTED
    asked = definition_of(store, row)
    try:
        grader: Grader = _GRADER.validate_python(definition)
        about = grader.about(asked.get("prompt", ""), asked.get("tools", ()))
        return about.pinned(pins_of([about])), ""
    except (ValidationError, BadOption) as error:
        return None, f"{row.primary_grader} cannot be asked again: {error!s:.200}"


def _positions(row: RunRow, limits: Limits) -> list[int] | None:
    """Which items are read, None for all of them. Two runs of a split read the same ones."""
    if row.kind == "import":
        return None
    most = _MOST if limits.everything else min(_MOST, max(_FEWEST, row.items // _SHARE))
    if row.items <= most:
        return None
    chosen = random.Random(seed_of("floors", row.split_digest)).sample(range(row.items), most)
    return sorted(chosen)


def _affordable(store: Reader, row: RunRow, limits: Limits) -> list[int]:
    """The positions whose items and answers are read: all, or as many as memory allows."""
    lengths = first_lengths(store, row.sampled, _positions(row, limits))
    if sum(length for _, length in lengths) > limits.text:
        random.Random(seed_of("floors", row.split_digest)).shuffle(lengths)
    read, left = list[int](), limits.text
    for position, length in lengths:
        if length <= left:
            read.append(position)
            left -= length
    return sorted(read)


def _answered(store: Reader, row: RunRow, positions: Sequence[int]) -> list[Answered]:
    """The first answer to each item with its score, in the order of the split."""
    rows = first_answers(store, row.run, row.sampled, row.primary_grader, positions)
    definition = definition_of(store, row)
    template, prompt = definition.get("gold"), _prompt(definition.get("prompt"))
    found: list[Answered] = []
    newest = {one.position: one for one in rows}
    for _, one in sorted(newest.items()):
        item: dict[str, Any] = json.loads(one.item)
        tools = json.loads(one.extra).get("tools", ()) if one.extra else ()
        sample = Sample(item, one.output_text, tools)
        gold = None
        with suppress(BadItem):
            gold = template and fill(template, item)
        asked = _asked(prompt, item)
        found.append(Answered(one.position, sample, one.score, gold, asked))
    return found


def _prompt(definition: Any) -> str | tuple[PromptMessage, ...]:
    """The prompt of an evalset as the store keeps it; empty for one of another harness."""
    try:
        return _PROMPT.validate_python(definition)
    except ValidationError:
        return ()


def _asked(prompt: str | tuple[PromptMessage, ...], item: Any) -> str | None:
    """The last message that a model was asked this item with."""
    try:
        messages = ask(prompt, item)
    except BadItem:
        return None
    content: Any = messages[-1].get("content") if messages else None
    return content if isinstance(content, str) else None


def _effort(
    grader: Grader, answered: Sequence[Answered], limits: Limits
) -> tuple[int, Effort, str]:
    """On how many items a floor may be graded, or why none can be."""
    if not answered:
        return 0, Effort(), "no answer"
    if grader.is_pure():
        return len(answered), Effort(), ""
    if _asks_models(grader, answered[0]):
        if limits.models:
            return _MOST_BY_MODEL, Effort(1, 0, screened=5, finalists=1, probes=2), ""
        note = f"{grader.name} asks a model; flywheel baseline --judge-floors measures them"
        return 0, Effort(), note
    return _MOST_IN_SANDBOX, Effort(2, 1, screened=20, finalists=1, probes=3), ""


def _asks_models(grader: Grader, one: Answered) -> bool:
    """Whether the grader asks anything but the sandbox, as far as one answer shows."""
    try:
        return any(not isinstance(ask, Run) for ask in grader.asks(one.sample))
    except Exception:  # an answer that it cannot even ask about: the engine below is the guard
        return False


class _NoEngine:
    """An engine for graders that ask nothing."""

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """No answer: there is nobody to ask."""
        return [Failed(Kind.OTHER, "no_floor", "nobody is asked")] * len(asks)


class _Sandboxed:
    """An engine that runs Python, and leaves whatever asks a model without an answer."""

    def __init__(self, engine: Answerer) -> None:
        self._engine = engine

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """An answer to every ask, in order."""
        failed = Failed(Kind.OTHER, "no_floor", "floors ask no model")
        runs = [at for at, ask in enumerate(asks) if isinstance(ask, Run)]
        found: list[Answer] = [failed] * len(asks)
        answers = await self._engine.answer([asks[at] for at in runs]) if runs else []
        for at, answer in zip(runs, answers, strict=True):
            found[at] = answer
        return found

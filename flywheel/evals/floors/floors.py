"""Floors: the scores of trivial answers, which a model must exceed to show any skill.

- `majority`: the most frequent gold answer, given to every item.
- `constant`: the best single answer among the most frequent ones of the run itself, and the empty
  one, given to every item.
- `chance`: the run's own answers, each given to another item, that is, well-formed answers about
  something else. The average of up to eight seeded pairings.
- `echo`: the prompt of each item, cut to the length of the run's longer answers; only if it scores
  higher than all others.

Every floor is graded by the primary grader; existing verdicts of the run are reused. If the grader
scores each answer the same on every item (a length, a format), `constant` and `chance` mean nothing
and are omitted. The run's own answers cannot prove that, since an answer that names every label
also scores the same everywhere, so gold answers and fields of items are tried too.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flywheel.engines.engine import Answerer
from flywheel.evals.grading.grade import grade_samples
from flywheel.outputs import runs as outputs
from flywheel.stats.intervals import mean_interval
from flywheel.store.errors import wrong_data
from flywheel.store.reader import Reader
from flywheel.store.rows.values import object_of
from flywheel.store.tables.floors import newest_floors
from graders.grader import Grade, Grader
from graders.sample import Sample

_PAIRINGS = 8
# A floor below this is negligible and not shown.
NEAR_ZERO = 0.05
_MOST_ANSWER, _MOST_LABEL = 400, 40
NO_FLOOR = (
    "the grader scores each answer alike on every item, so a constant answer and chance are no"
    " floor"
)


class Answered(NamedTuple):
    """An item with the run's own answer to it, and that answer's score; None where it has none.

    `gold` is its gold answer, and `asked` the last message of its prompt, as far as they are known.
    """

    position: int
    sample: Sample
    score: float | None
    gold: str | None
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """One floor: its mean with a 95% interval, and its score on each item, by position."""

    name: str
    answer: str | None
    mean: float
    low: float | None
    high: float | None
    scores: Mapping[int, float] = field(repr=False)

    @property
    def label(self) -> str:
        """The floor in a few words, with the answer that it is made of."""
        if self.name == "echo":
            return "prompt said back"
        if self.answer is None:
            return f"{self.name} level"
        shown = " ".join(self.answer.split())
        shown = shown if len(shown) <= _MOST_LABEL else shown[: _MOST_LABEL - 1] + "…"
        return f"{self.name} answer {shown!r}" if shown else f"{self.name}, the empty answer"

    def as_json(self) -> outputs.Floor:
        """The floor as commands print it."""
        return {
            "answer": self.answer,
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "n": len(self.scores),
        }


@dataclass(frozen=True, slots=True)
class Floors:
    """All floors of a run, the highest first. `note` says why some or all are missing."""

    answers: int
    distinct_answers: int
    floors: tuple[Floor, ...] = ()
    note: str = ""

    @property
    def needs_none(self) -> bool:
        """Whether the grader ignores the item, so that floors mean nothing."""
        return self.note == NO_FLOOR and not self.floors

    @property
    def highest(self) -> Floor | None:
        """The floor to exceed, None without any."""
        return self.floors[0] if self.floors else None

    def describe(self) -> str:
        """The floors in a line, with the number of distinct answers."""
        distinct = "" if not self.answers else f"{self.distinct_answers:,} distinct answers"
        if self.answers and self.distinct_answers == 1:
            distinct = "one and the same answer to every item" if self.answers > 1 else ""
        floors = ", ".join(f"{one.label} {one.mean:.3f}" for one in self.floors)
        if self.highest is not None and self.highest.mean < NEAR_ZERO:
            floors = "near 0"
        parts = [f"floors: {floors or self.note}" if floors or self.note else "", distinct]
        return "; ".join(text for text in parts if text)

    def as_json(self) -> dict[str, outputs.Floor | int | str | None]:
        """The object that `baseline`, `eval` and `show` print."""
        return {
            "answers": self.answers,
            "distinct_answers": self.distinct_answers,
            **{floor.name: floor.as_json() for floor in self.floors},
            "note": self.note or None,
        }


@dataclass(frozen=True, slots=True)
class Effort:
    """Which constants are tried on a few items: frequent answers, and some that are seldom.

    The finalists among them are graded on all items. `probes` is how many gold answers, and how
    many values of each field, are tried on other items.
    """

    frequent: int = 5
    seldom: int = 3
    screened: int = 40
    finalists: int = 2
    probes: int = 4


def load_floors(store: Reader, run: str) -> Floors | None:
    """The floors that were measured when the run was, None for a run without them."""
    row = newest_floors(store, run)
    if row is None:
        return None
    try:
        detail, scores = object_of(row.detail), object_of(row.scores)
        floors = tuple(
            Floor(**found, scores={int(at): score for at, score in scores[found["name"]].items()})
            for found in detail["floors"]
        )
        return Floors(row.answers, row.distinct_answers, floors, detail["note"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise wrong_data(store.path, f"the floors of run {run} cannot be read") from None


async def grade_floors(
    grader: Grader, answered: Sequence[Answered], engine: Answerer, seed: int, effort: Effort
) -> tuple[tuple[Floor, ...], str]:
    """The floors over these items, the highest first, and a note on those that are missing."""
    marks = _Marks(grader, answered, engine)
    rng = random.Random(seed)
    answering = [at for at, one in enumerate(answered) if one.score is not None]
    chance, alike = await _chance(marks, answering, rng)
    blind = alike and not await _looks_at_items(marks, effort)
    golds = Counter(one.gold for one in answered if one.gold is not None)
    found: list[Floor | None] = []
    # Items of one gold answer make any grader look blind; a constant is then what they ask for.
    if golds and not (blind and len(golds) > 1):
        answer = golds.most_common(1)[0][0]
        found.append(await _everywhere(marks, "majority", Sample({}, answer)))
    if not blind:
        for constant in await _constants(marks, answering, rng, effort):
            found.append(await _everywhere(marks, "constant", constant))
        found.append(chance)
        echo = await _echo(marks, answering)
        if echo and all(echo.mean > one.mean for one in found if one is not None):
            found.append(echo)
    best: dict[str, Floor] = {}
    for one in sorted((one for one in found if one is not None), key=lambda one: -one.mean):
        best.setdefault(one.name, one)
    return tuple(best.values()), NO_FLOOR if blind else ""


class _Marks:
    """Scores by answer and item. What the run graded itself is known from the beginning."""

    def __init__(self, grader: Grader, answered: Sequence[Answered], engine: Answerer) -> None:
        self.answered = answered
        self._grader, self._engine = grader, engine
        self.range_ = grader.score_range()
        self._known: dict[tuple[str, int], float | None] = {
            (_key(one.sample), at): one.score
            for at, one in enumerate(answered)
            if one.score is not None
        }
        self.asked = 0

    async def of(self, pairs: Sequence[tuple[Sample, int]]) -> list[float | None]:
        """What each answer scores on each item; None where the grader reaches no verdict."""
        fresh = {
            (key, at): Sample(
                self.answered[at].sample.item, sample.output_text, sample.output_tools
            )
            for sample, at in pairs
            if ((key := _key(sample)), at) not in self._known
        }
        verdicts = await grade_samples(self._grader, list(fresh.values()), self._engine)
        for key, verdict in zip(fresh, verdicts, strict=True):
            self._known[key] = verdict.score if isinstance(verdict, Grade) else None
        self.asked += len(fresh)
        return [self._known[_key(sample), at] for sample, at in pairs]


def _key(sample: Sample) -> str:
    if not sample.output_tools:
        return sample.output_text
    return json.dumps([sample.output_text, list(sample.output_tools)], sort_keys=True)


async def _everywhere(marks: _Marks, name: str, answer: Sample) -> Floor | None:
    """The floor of one answer given to every item."""
    scores = await marks.of([(answer, at) for at in range(len(marks.answered))])
    return _floor(marks, name, _shown(answer), dict(enumerate(scores)))


async def _echo(marks: _Marks, answering: Sequence[int]) -> Floor | None:
    """The floor of answers that say the prompt back, as far as a run's longer answers go.

    A run whose answers are words is not held against a prompt that names every option.
    """
    lengths = sorted(len(marks.answered[at].sample.output_text) for at in answering)
    most = lengths[len(lengths) * 3 // 4] * 5 // 4 if lengths else 0
    asked = [(one.asked or "", at) for at, one in enumerate(marks.answered)]
    pairs = [(Sample({}, text[:most]), at) for text, at in asked if text[:most].strip()]
    found = {at: score for (_, at), score in zip(pairs, await marks.of(pairs), strict=True)}
    return _floor(marks, "echo", None, found)


async def _constants(
    marks: _Marks, answering: Sequence[int], rng: random.Random, effort: Effort
) -> list[Sample]:
    """The constant answers that score best on a few of the items."""
    by_key = {_key(marks.answered[at].sample): marks.answered[at].sample for at in answering}
    counted = Counter(_key(marks.answered[at].sample) for at in answering)
    ranked = [key for key, _ in counted.most_common()]
    seldom = ranked[effort.frequent :]
    drawn = rng.sample(seldom, min(effort.seldom, len(seldom)))
    tried = [*(by_key[key] for key in (*ranked[: effort.frequent], *drawn)), Sample({}, "")]
    every = range(len(marks.answered))
    screened = sorted(rng.sample(every, min(effort.screened, len(every))))
    scores = await marks.of([(sample, at) for sample in tried for at in screened])
    sums = [
        sum(score or 0.0 for score in scores[n * len(screened) : (n + 1) * len(screened)])
        for n in range(len(tried))
    ]
    best = sorted(range(len(tried)), key=lambda n: -sums[n])
    return [tried[n] for n in best[: effort.finalists]]


async def _chance(
    marks: _Marks, answering: Sequence[int], rng: random.Random
) -> tuple[Floor | None, bool]:
    """The floor of answers given to other items, and whether each scored as on its own item."""
    n = len(answering)
    if n < 2:
        return None, False
    order = list(answering)
    rng.shuffle(order)
    shifts = rng.sample(range(1, n), min(_PAIRINGS, n - 1))
    sums: dict[int, list[float]] = {}
    alike, asked = True, marks.asked
    for shift in shifts:
        moved = [(order[(i + shift) % n], order[i]) for i in range(n)]
        scores = await marks.of([(marks.answered[giver].sample, at) for giver, at in moved])
        for (giver, at), score in zip(moved, scores, strict=True):
            if score is not None:
                sums.setdefault(at, []).append(score)
            alike = alike and score == marks.answered[giver].score
        # Answers that are much alike are cheap to move again; those that are not, dear.
        if marks.asked - asked >= n:
            break
    means = {at: sum(scores) / len(scores) for at, scores in sums.items()}
    return _floor(marks, "chance", None, means), alike


async def _looks_at_items(marks: _Marks, effort: Effort) -> bool:
    """Whether a gold answer, or a value of a field, scores otherwise on the item of another."""
    columns: dict[str, dict[str, int]] = {}
    for at, one in enumerate(marks.answered):
        fields = {f".{name}": str(value) for name, value in one.sample.item.items()}
        for name, text in {**({} if one.gold is None else {"": one.gold}), **fields}.items():
            columns.setdefault(name, {}).setdefault(text, at)
    for _, firsts in sorted(columns.items()):
        probes = list(firsts.items())[: effort.probes]
        if len(probes) < 2:
            continue
        pairs = [(Sample({}, text), at) for text, _ in probes for _, at in probes]
        scores = await marks.of(pairs)
        rows = [scores[n : n + len(probes)] for n in range(0, len(scores), len(probes))]
        if any(len({score for score in row if score is not None}) > 1 for row in rows):
            return True
    return False


def _floor(
    marks: _Marks, name: str, answer: str | None, scores: Mapping[int, float | None]
) -> Floor | None:
    known = {
        marks.answered[at].position: score for at, score in scores.items() if score is not None
    }
    interval = mean_interval(list(known.values()), range_=marks.range_)
    return None if interval is None else Floor(name, answer, *interval, known)


def _shown(answer: Sample) -> str:
    text = answer.output_text
    if answer.output_tools:
        text += json.dumps(list(answer.output_tools), ensure_ascii=False)
    return text if len(text) <= _MOST_ANSWER else text[: _MOST_ANSWER - 1] + "…"

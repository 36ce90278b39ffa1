"""What the pages show, where it is not a result or a comparison of its own."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.evals.decision.compare import GraderComparison, SliceComparison
from flywheel.evals.results.results import Result
from flywheel.stats.intervals import Interval
from flywheel.store.tables.runs import RunRow


class Offers(NamedTuple):
    """The runs that can be compared with a given one; why others, by name, cannot."""

    runs: list[Result]
    refused: dict[str, str]


class Compared(NamedTuple):
    """A baseline and a candidate, the primary grader and the largest slices' differences first.

    `prompts` are the wordings of the two, as text. `floor` says how the candidate stands to answers
    that take no skill.
    """

    baseline: RunRow
    candidate: RunRow
    prompts: tuple[str, str]
    graders: list[GraderComparison]
    slices: list[SliceComparison]
    floor: list[str]


class Verdict(NamedTuple):
    """An answer and what a grader said of it. `text` is what the model gave, tool calls and all."""

    text: str
    error: str | None
    score: float | None
    reason: str


class Change(NamedTuple):
    """An item that passed with one of two runs only."""

    id: str
    repeat: int
    asked: dict[str, str]
    baseline: Verdict | None
    candidate: Verdict | None


class BlindPair(NamedTuple):
    """Two answers to one item, and nothing that tells whose they are.

    `asked` has the fields of the item that a prompt shows to the model, `rest` the others.
    """

    item: str
    repeat: int
    asked: dict[str, str]
    rest: dict[str, str]
    left: str
    right: str


class Turn(NamedTuple):
    """How many pairs of `total` a person has judged, and the next one, None when all are."""

    done: int
    total: int
    pair: BlindPair | None


class Voter(NamedTuple):
    """What one person gave. `seconds` is the median time of a vote."""

    who: str
    votes: int
    skipped: int
    seconds: float | None


class Tally(NamedTuple):
    """What the votes on two runs say. The item is the unit: several votes on one are averaged.

    `rate` is the candidate's win rate with ties counted half, `lean` the share of decided votes
    that went to the left side. Both are None before anything was decided.
    """

    items: int
    wins: int
    losses: int
    ties: int
    skipped: int
    rate: Interval | None
    lean: Interval | None
    voters: list[Voter]


class TrainingLine(NamedTuple):
    """A job, as far as its events tell. `before` and `best` are dev means of the primary grader.

    `best` is None until the training reports the best step, `before` until its first exam; both
    also where the evalset is gone, for then nobody knows which grader is the primary.
    """

    job: str
    created: datetime
    status: str
    lever: str
    model: str
    evalset: str
    seed: int | None
    step: int
    steps: int | None
    before: float | None
    best: float | None
    best_step: int | None
    alarms: int


class Point(NamedTuple):
    """What an exam found at a step. `n` items count."""

    step: int
    mean: Interval
    n: int


class Curve(NamedTuple):
    """A grader from exam to exam, or the reward. `role` is the one that it is drawn in.

    `also` are its other roles. Points are changes since the first exam in shares of span, or the
    plain means.
    """

    name: str
    role: str
    also: tuple[str, ...]
    points: list[Point]


class Suspect(NamedTuple):
    """An answer that an alarm shows, with its scores by grader and their roles."""

    item: str
    asked: dict[str, str]
    answer: str
    scores: list[tuple[str, str, float | None]]


class AlarmTold(NamedTuple):
    """An alarm, such as reward_hacking, in the words in which the training told it."""

    name: str
    told: str
    suspects: list[Suspect]


class Series(NamedTuple):
    """A figure that the steps tell: (step, value), neighbours averaged where there are many."""

    name: str
    values: list[tuple[int, float]]


class Training(NamedTuple):
    """One job. `trouble` says why there are means in place of changes, None where there are not.

    `events` counts what the store was told. `error` and `remedy` are of one that did not end well.
    """

    line: TrainingLine
    events: int
    notes: list[str]
    trouble: str | None
    curves: list[Curve]
    alarms: list[AlarmTold]
    series: list[Series]
    error: str | None
    remedy: str | None

"""The rows that the pages show."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.evals.decision.compare import GraderComparison, SliceComparison
from flywheel.evals.results.results import Result
from flywheel.stats.intervals import Interval
from flywheel.store.tables.runs import RunRow


class Offers(NamedTuple):
    """The runs that can be compared with a given one; for each other run, the reason why not."""

    runs: list[Result]
    refused: dict[str, str]


class Compared(NamedTuple):
    """A baseline and a candidate; the primary grader and the largest differences come first.

    `prompts` are the two prompts as text. `floor` compares the candidate with answers that take no
    skill.
    """

    baseline: RunRow
    candidate: RunRow
    prompts: tuple[str, str]
    graders: list[GraderComparison]
    slices: list[SliceComparison]
    floor: list[str]


class Verdict(NamedTuple):
    """An answer with a grader's verdict. `text` includes tool calls."""

    text: str
    error: str | None
    score: float | None
    reason: str


class Change(NamedTuple):
    """An item that passed in only one of two runs."""

    id: str
    repeat: int
    asked: dict[str, str]
    baseline: Verdict | None
    candidate: Verdict | None


class BlindPair(NamedTuple):
    """Two answers to one item, without the runs that they come from.

    `asked` has the fields of the item that a prompt uses, `rest` the others.
    """

    item: str
    repeat: int
    asked: dict[str, str]
    rest: dict[str, str]
    left: str
    right: str


class Turn(NamedTuple):
    """How many of `total` pairs a person has judged, and the next pair; None after the last."""

    done: int
    total: int
    pair: BlindPair | None


class Voter(NamedTuple):
    """One person's votes. `seconds` is the median time of a vote."""

    who: str
    votes: int
    skipped: int
    seconds: float | None


class Tally(NamedTuple):
    """The votes on two runs. The unit is the item: several votes on one are averaged.

    `rate` is the candidate's win rate with ties counted half, `left_share` the share of decided
    votes for the left side. Each is None without such votes.
    """

    items: int
    wins: int
    losses: int
    ties: int
    skipped: int
    rate: Interval | None
    left_share: Interval | None
    voters: list[Voter]


class TrainingLine(NamedTuple):
    """A job, from its events. `before` and `best` are dev means of the primary grader.

    `before` is None until the first exam, `best` until the training reports the best step. Both are
    None if the evalset no longer exists, since it names the primary grader.
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
    """One exam's result at a step, over `n` items."""

    step: int
    mean: Interval
    n: int


class Curve(NamedTuple):
    """A grader, or the reward, over the exams. `role` sets its colour; `also` are its other roles.

    Points are changes since the first exam as a share of the grader's range, or plain means.
    """

    name: str
    role: str
    also: tuple[str, ...]
    points: list[Point]


class Suspect(NamedTuple):
    """An answer attached to an alarm; `scores` are (grader, roles, score)."""

    item: str
    asked: dict[str, str]
    answer: str
    scores: list[tuple[str, str, float | None]]


class Alarm(NamedTuple):
    """An alarm, such as reward_hacking, with its message."""

    name: str
    message: str
    suspects: list[Suspect]


class Series(NamedTuple):
    """A value logged by step, as (step, value); neighbours are averaged if there are many."""

    name: str
    values: list[tuple[int, float]]


class Training(NamedTuple):
    """One job. `trouble` is the reason why the curves are means instead of changes, or None.

    `events` counts the events in the store. `error` and `remedy` are those of a failed job.
    """

    line: TrainingLine
    events: int
    notes: list[str]
    trouble: str | None
    curves: list[Curve]
    alarms: list[Alarm]
    series: list[Series]
    error: str | None
    remedy: str | None

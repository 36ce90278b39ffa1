"""What the pages show, as plain rows: no arrays, no connection, nothing that JSON could not carry.

So whoever shows them need not be the process that owns the store.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class RunLine(NamedTuple):
    """A run and its primary figure. `mean` is None while nothing was graded.

    `prompt` is the beginning of the prompt's digest: what tells two runs of one model apart.
    """

    run: str
    created: datetime
    kind: str
    status: str
    evalset: str
    split: str
    model: str
    prompt: str
    n: int
    ungraded: int
    grader: str
    mean: float | None
    low: float | None
    high: float | None


class Refused(NamedTuple):
    """A run that cannot be compared with another, and why."""

    run: str
    why: str


class Offers(NamedTuple):
    """The runs that can be compared with a given one, and those that cannot."""

    runs: list[RunLine]
    refused: list[Refused]


class Mean(NamedTuple):
    """A mean over items with its interval. `low` and `high` are None when nothing bounds it."""

    mean: float
    low: float | None
    high: float | None


class GraderLine(NamedTuple):
    """What one grader says of a candidate against the baseline, over the items in both.

    `difference` is candidate less baseline, None without a common item. `mde` is the smallest true
    difference that so many items find in four of five cases.
    """

    grader: str
    role: str
    baseline: Mean | None
    candidate: Mean | None
    difference: Mean | None
    p: float | None
    n: int
    fixed: int
    broken: int
    mde: float | None
    ungraded: tuple[int, int]


class SliceLine(NamedTuple):
    """The items that share a tag, by the primary grader. `adjusted` is p for so many slices."""

    slice: str
    n: int
    difference: float
    low: float | None
    high: float | None
    adjusted: float | None


class Compared(NamedTuple):
    """A baseline and a candidate. The primary grader is the first line.

    `prompts` are the wordings of the two, as text.
    """

    baseline: RunLine
    candidate: RunLine
    prompts: tuple[str, str]
    graders: list[GraderLine]
    slices: list[SliceLine]


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
    """Where a person stands: so many of `total` judged, and the next pair, None when all are."""

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
    rate: Mean | None
    lean: Mean | None
    voters: list[Voter]

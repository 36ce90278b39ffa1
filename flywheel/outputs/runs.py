"""What `--json` prints of runs and decisions: a type for each object, as docs/schemas publishes.

A field may be added in any version, and goes only as docs/stability.md says.
"""

from __future__ import annotations

from typing import Literal, NotRequired

# Of typing, pydantic reads these from Python 3.12 on.
from typing_extensions import TypedDict

Score = float | None


class Bounds(TypedDict):
    """A mean with its 95% interval, null where nothing was graded."""

    mean: Score
    low: Score
    high: Score


class Primary(Bounds):
    """The figure that decides."""

    grader: str


class Figure(Bounds):
    """A grader's figure. `n` items have a score; `ungraded` answers have no verdict."""

    n: int
    ungraded: int


class Floor(Bounds):
    """What one answer scores that takes no skill."""

    answer: str | None
    n: int


class Reason(TypedDict):
    """Why requests failed, and how many; `not_asked` were not sent any more."""

    reason: str
    count: int
    not_asked: int


class Taken(TypedDict):
    """What a judge took. `price` is in US dollars."""

    answers: int
    tokens: int
    price: float | None


class Run(TypedDict):
    """A run with its figures. `judge` is there where this command asked one."""

    run: str
    kind: str
    status: str | None
    evalset: str
    split: str
    model: str
    planned: int
    n: int
    ungraded: int
    errors: int
    failures: list[Reason]
    primary: Primary
    graders: dict[str, Figure]
    floors: dict[str, Floor | int | str | None] | None
    answered_by: dict[str, int]
    judge_digest: str | None
    embedder_digest: str | None
    seconds: float
    tokens: int
    cached: int
    truncated: int
    refused: int
    price: float | None
    loss: float | None
    judge: NotRequired[Taken]


class Slice(Bounds):
    """The items of a tag, by the primary grader."""

    tag: str
    n: int


class WorstItem(TypedDict):
    """An item with a low score."""

    id: str
    score: float
    reason: str
    output: str


class ShownRun(Run):
    """A run with its slices and its worst items."""

    slices: list[Slice]
    worst: list[WorstItem]


class Paired(TypedDict):
    """A paired difference with its 95% interval."""

    n: int
    difference: Score
    low: Score
    high: Score
    p: Score


class Sides(TypedDict):
    """A count of each run."""

    baseline: int
    candidate: int


class GraderComparison(Paired):
    """Two runs by one grader. `mde` is the smallest difference that the items detect."""

    role: str
    baseline: Score
    candidate: Score
    p_adjusted: Score
    wins: int
    losses: int
    ties: int
    fixed: int
    broken: int
    mde: float | None
    clusters: int
    method: str
    missing: int
    ungraded: Sides


class SliceComparison(Paired):
    """Two runs on the items of a tag; `p_adjusted` for the number of slices."""

    slice: str
    p_adjusted: Score


class Spending(TypedDict):
    """What a run took, answers from the cache left out of `tokens` and `price`."""

    tokens: int
    price: float | None
    cached: int
    seconds: float | None
    latency: float | None


class HighestFloor(TypedDict):
    """A candidate against the highest of its floors."""

    floor: str
    mean: float
    difference: float
    low: Score
    high: Score
    n: int


class AboveFloor(TypedDict):
    """Whether a candidate is above what takes no skill."""

    answers: int
    distinct_answers: int
    highest: HighestFloor | None
    note: str | None


class Flip(TypedDict):
    """An item that one of the two runs passed."""

    change: Literal["fixed", "broken"]
    id: str
    item: str
    before: float
    after: float
    before_output: str
    after_output: str
    before_reason: str
    after_reason: str


class Candidate(TypedDict):
    """A candidate against the baseline. `flips` are printed by the command only."""

    run: str
    model: str
    graders: dict[str, GraderComparison]
    slices: list[SliceComparison]
    spending: Spending
    floors: AboveFloor | None
    flips: NotRequired[list[Flip]]


class Comparison(TypedDict):
    """A baseline and its candidates. `candidate` and `graders` repeat a single candidate's."""

    baseline: str
    evalset: str
    split: str
    primary: str
    spending: Spending
    candidates: list[Candidate]
    candidate: NotRequired[str]
    graders: NotRequired[dict[str, GraderComparison]]


class Check(TypedDict):
    """A check of the gate. `items` would decide one that is open."""

    check: str
    state: Literal["pass", "fail", "open"]
    reason: str
    items: int | None


class Decision(Paired):
    """A decision with every reason, at the interval's `level`."""

    decision: Literal["promote", "keep", "undecided"]
    clusters: int
    level: float
    look: int
    items_that_would_decide: int | None
    reasons: list[Check]


class ChainHead(TypedDict):
    """The end of the chain of sealed reads."""

    reads: int
    hash: str


class Gate(Decision):
    """A decision of the gate about two runs. `claim` is what a promotion says of the candidate."""

    comparison: str
    evalset: str
    split: str
    baseline: str
    candidate: str
    primary: str
    claim: str
    reads: ChainHead | None


class PlanRow(TypedDict):
    """How many items detect an effect."""

    effect: float
    items: int


class PlanSplit(TypedDict):
    """The smallest effect that a split detects."""

    items: int
    mde: float | None


class Plan(TypedDict):
    """The sample size that a gain needs."""

    evalset: str
    effect: float
    power: float
    look: int
    spread: str
    design: float
    items: int
    table: list[PlanRow]
    splits: dict[str, PlanSplit]
    price: float | None
    seconds: float | None

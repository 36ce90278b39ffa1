"""What `--json` prints of jobs, graders, imports, training files and the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

# Of typing, pydantic reads these from Python 3.12 on.
from typing_extensions import TypedDict

Score = float | None


class Checkpoint(TypedDict):
    """A checkpoint of a job."""

    step: int
    path: str


class Job(TypedDict):
    """A job. `exams` and `alarms` hold the details of their events."""

    job: str
    status: str
    state: str | None
    behind: list[str]
    created: str
    lever: str
    evalset: str
    model: str
    baseline: str | None
    step: int
    steps: int | None
    loss: float | None
    losses: dict[str, float | None]
    exams: list[Mapping[str, Any]]
    checkpoints: list[Checkpoint]
    alarms: list[Mapping[str, Any]]
    best_step: int | None
    out: str | None
    error: str | None
    remedy: str | None
    resumed: int
    damaged_events: int
    folder: str


class Counts(TypedDict):
    """What became of some samples. `errors` counts the ungraded by kind."""

    n: int
    graded: int
    ungraded: int
    mean: Score
    passed: int
    unparsed: int
    errors: dict[str, int]


class Graded(Counts):
    """A file that was graded."""

    grader: str
    out: str


class GraderLoads(TypedDict):
    """A grader's definition that loads."""

    ok: bool
    grader: dict[str, Any]


class Example(TypedDict):
    """The answer that shows a probe's result best."""

    item: str
    answer: str
    score: Score
    reason: str


class Probe(Counts):
    """What a grader made of a probe."""

    grader: str
    probe: str
    status: Literal["ok", "BAD", "excused", "info", "n/a"]
    ok: bool
    why: str
    wrong: int
    allowed: int
    story: str
    excuse: str
    worst: Example | None


class Probed(TypedDict):
    """The graders of an evalset, probed."""

    ok: bool
    evalset: str
    format_only: list[str]
    probes: list[Probe]


class ImportedRun(TypedDict):
    """A run that was imported. `unfinished` says what a cut log lacks."""

    run: str
    new: bool
    evalset: str
    split: str
    model: str
    primary: str
    items: int
    samples: int
    graders: int
    verdicts: int
    ungraded: int
    unfinished: str | None


class Import(TypedDict):
    """What an import brought."""

    runs: list[ImportedRun]
    left_out: list[str]


# The names of these fields are no names in Python.
Overlap = TypedDict("Overlap", {"in": str, "of": str, "how": str, "share": float, "shown": str})
Side = TypedDict(
    "Side",
    {
        "in": str,
        "of": str,
        "items": int,
        "leaking": int,
        "ways": dict[str, int],
        "worst": list[Overlap],
    },
)
Copied = TypedDict("Copied", {"ok": bool, "from": str, "to": str, "rows": dict[str, int]})


class Leakage(TypedDict):
    """The items that stand on two sides."""

    ok: bool
    evalset: str
    sides: list[Side]


class DataFinding(TypedDict):
    """A finding in a training file."""

    kind: str
    severity: Literal["error", "warning", "note"]
    where: str
    story: str


class DataReport(TypedDict):
    """A training file: its figures and its findings. `counts` are of all findings, by kind."""

    path: str
    format: str
    rows: int
    verdict: str
    tokens: dict[str, Any] | None
    classes: dict[str, dict[str, int]]
    languages: dict[str, int]
    pii: dict[str, int | None]
    counts: dict[str, int]
    findings: list[DataFinding]


class DataCheck(DataReport):
    """A training file with how many items of each evalset are in it, null where unknown."""

    leakage: dict[str, int | None]


class DataFix(TypedDict):
    """A training file that was repaired. `rows` are counted by file."""

    format: str
    changes: list[str]
    rows: dict[str, int]


class StoreFinding(TypedDict):
    """A fault of the store."""

    table: str
    story: str
    count: int
    example: str


class StoreCheck(TypedDict):
    """A store that was checked. Sizes are in bytes."""

    ok: bool
    db: str
    rows: dict[str, int]
    findings: list[StoreFinding]
    size: int
    free: int


class Compacted(TypedDict):
    """A store that was compacted, from `before` bytes to `after`."""

    ok: bool
    db: str
    before: int
    after: int


class Here(TypedDict):
    """A thing that `flywheel doctor` looks for."""

    subject: str
    found: bool
    story: str


class Cancelled(TypedDict):
    """What was asked to stop."""

    kind: Literal["run", "job"]
    name: str

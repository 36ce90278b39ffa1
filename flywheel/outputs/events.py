"""The events of runs and jobs as JSON: a type for each shape, as docs/schemas publishes.

A field of a detail may be added in any version. Readers pass over kinds that are not named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

# Of typing, pydantic reads these from Python 3.12 on.
from typing_extensions import TypedDict

Number = float | None


class _Event(TypedDict):
    time: str
    subject: str
    state: Literal["queued", "running", "paused", "finished", "failed", "cancelled"] | None


class RunDetail(TypedDict):
    """Why a run stopped, where there is a reason."""

    text: NotRequired[str]


class RunEvent(_Event):
    """What became of a run."""

    kind: Literal["run.started", "run.interrupted", "run.finished", "run.failed", "run.cancelled"]
    detail: RunDetail


class Accepted(TypedDict):
    """The kind of work, and the digest of its order."""

    work: str
    order: str


class JobAccepted(_Event):
    """A job was accepted."""

    kind: Literal["job.accepted"]
    detail: Accepted


class Queued(TypedDict):
    """The jobs ahead, and how many jobs may share each resource."""

    behind: list[str]
    resources: dict[str, int]


class JobQueued(_Event):
    """A job waits for resources."""

    kind: Literal["job.queued"]
    detail: Queued


class Claimed(TypedDict):
    """How long it waited."""

    seconds: float


class JobClaimed(_Event):
    """A job has its resources."""

    kind: Literal["job.claimed"]
    detail: Claimed


class Started(TypedDict):
    """The step of the checkpoint that it continues from, null at the beginning."""

    resumed_from: int | None


class JobStarted(_Event):
    """The work of a job begins, or continues."""

    kind: Literal["job.started"]
    detail: Started


class Step(TypedDict):
    """A step with its figures; what is not finite is null."""

    step: int
    loss: Number
    seconds: NotRequired[float]


class JobStep(_Event):
    """A step of a training."""

    kind: Literal["job.step"]
    detail: Step


class ExamFigure(TypedDict):
    """A grader's mean over `n` answers."""

    mean: Number
    n: int
    ungraded: int


class Exam(TypedDict):
    """An exam of dev items. `floor` is what the most frequent gold answer scores."""

    step: int
    graders: dict[str, ExamFigure]
    floor: NotRequired[Number]
    distinct_answers: NotRequired[int]
    seconds: NotRequired[float]


class JobExam(_Event):
    """The weights of a step were measured."""

    kind: Literal["job.exam"]
    detail: Exam


class SavedCheckpoint(TypedDict):
    """Where a checkpoint is, and the means of its exam."""

    step: int
    path: str
    metrics: NotRequired[dict[str, Number]]


class JobCheckpoint(_Event):
    """A checkpoint was saved."""

    kind: Literal["job.checkpoint"]
    detail: SavedCheckpoint


class Notice(TypedDict):
    """A line for a person."""

    text: str


class JobNotice(_Event):
    """Something that a person should know."""

    kind: Literal["job.notice"]
    detail: Notice


class JobAlarm(_Event):
    """A sign that a training learns the reward instead of the task."""

    kind: Literal["job.alarm"]
    detail: Mapping[str, Any]


class JobEnd(TypedDict):
    """How a job ended: its model and best step, or the error and what to do about it."""

    out: NotRequired[str]
    best_step: NotRequired[int | None]
    error: NotRequired[str]
    remedy: NotRequired[str]


class JobEnded(_Event):
    """A job is at rest."""

    kind: Literal[
        "job.paused", "job.finished", "job.failed", "job.cancelled", "job.died", "job.stalled"
    ]
    detail: JobEnd


Event = (
    RunEvent
    | JobAccepted
    | JobQueued
    | JobClaimed
    | JobStarted
    | JobStep
    | JobExam
    | JobCheckpoint
    | JobNotice
    | JobAlarm
    | JobEnded
)

"""The state of a job, computed from its events in its folder or in the store.

Another program may have written a job's rows. An order that is not an object counts as an empty
one, and an event whose detail is not an object is skipped, like a damaged line of a journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flywheel.errors import BadFile
from flywheel.jobs.folder import damaged_row, job_folders, match_job, read_row, resume_command
from flywheel.jobs.outcomes import ENDS
from flywheel.jobs.queue import jobs_ahead
from flywheel.jobs.records.event_shape import fits
from flywheel.jobs.records.journal import Event, is_held, read_events
from flywheel.outputs import work as outputs
from flywheel.states import JOB_STATES, State
from flywheel.store.reader import Reader
from flywheel.store.rows.values import object_of
from flywheel.store.tables.jobs import JobEventRow, JobRow, job_events, list_jobs

_FALLEN = "its process is gone"


@dataclass(slots=True)
class View:
    """The state of one job; `add` applies the next event.

    Steps, exams and checkpoints are keyed by step: a job that resumes from a checkpoint repeats the
    steps after it, and the later event replaces the earlier. `losses` are training losses, `exams`
    the means. `behind` are the jobs that a queued one waits for. `damaged` counts events whose
    lines in the journal cannot be read, or whose detail does not have the shape of its kind.
    """

    row: JobRow
    status: str = "accepted"
    n: int = 0
    damaged: int = 0
    resumed: int = 0
    rested: bool = False
    behind: Sequence[str] = ()
    steps: dict[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    exams: dict[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    checkpoints: dict[int, str] = field(default_factory=dict[int, str])
    preflight: Mapping[str, Any] = field(default_factory=dict[str, Any])
    alarms: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    end: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def add(self, event: Event) -> None:
        """Apply the next event."""
        self.damaged += max(0, event.n - self.n - 1)
        self.n = event.n
        if not fits(event):
            self.damaged += 1
            return
        detail, step = event.detail, event.detail.get("step")
        if event.kind == "started":
            self._drop_after(detail.get("resumed_from"))
        elif event.kind in ENDS:
            self.status, self.end, self.rested = event.kind, detail, True
        elif event.kind in ("queued", "claimed"):
            self.status, self.end = JOB_STATES[event.kind].value, {}
        elif event.kind == "step" and isinstance(step, int):
            self.steps[step] = detail
        elif event.kind == "exam" and isinstance(step, int):
            self.exams[step] = detail
        elif event.kind == "checkpoint" and isinstance(step, int):
            self.checkpoints[step] = str(detail.get("path", ""))
        elif event.kind == "alarm":
            self.alarms.append(detail)
        elif event.kind == "preflight":
            self.preflight = detail

    def _drop_after(self, step: object) -> None:
        """Drop what came after the checkpoint, since it is repeated."""
        self.resumed += self.rested
        self.status, self.end, self.rested = "running", {}, False
        begun = step if isinstance(step, int) else 0
        for kept in (self.steps, self.exams, self.checkpoints):
            for later in [at for at in kept if at > begun]:
                del kept[later]

    @property
    def state(self) -> State | None:
        """The state that runs and jobs share; None for a job whose files cannot be read."""
        return State.RUNNING if self.status == "running" else JOB_STATES.get(self.status)

    @property
    def step(self) -> int:
        """The last step that was done."""
        return max(self.steps, default=0)

    @property
    def total(self) -> int | None:
        """The number of steps in the order."""
        steps: object = order_of(self.row).get("numbers", {}).get("steps")
        return steps if isinstance(steps, int) else None

    @property
    def loss(self) -> float | None:
        """The loss of the last step."""
        return self.steps[self.step].get("loss") if self.steps else None

    @property
    def best_step(self) -> int | None:
        """The step whose weights are the result, once the job has finished."""
        return self.end.get("best_step")

    def as_json(self) -> outputs.Job:
        """The object that `flywheel job --json` prints."""
        row = self.row
        return {
            "job": row.job,
            "status": self.status,
            "state": self.state,
            "behind": list(self.behind),
            "created": row.created.isoformat(),
            "lever": row.lever,
            "evalset": row.evalset,
            "model": row.model,
            "baseline": row.baseline,
            "step": self.step,
            "steps": self.total,
            "loss": self.loss,
            "losses": {str(at): one.get("loss") for at, one in sorted(self.steps.items())},
            "exams": [self.exams[at] for at in sorted(self.exams)],
            "checkpoints": [{"step": at, "path": p} for at, p in sorted(self.checkpoints.items())],
            "alarms": self.alarms,
            "best_step": self.best_step,
            "out": self.end.get("out"),
            "error": self.end.get("error"),
            "remedy": self.end.get("remedy"),
            "resumed": self.resumed,
            "damaged_events": self.damaged,
            "folder": row.folder,
        }


def view(folder: Path) -> View:
    """The state of the job in a folder; `died` if its process ended without a final event."""
    lives = is_held(folder)
    found = summed(read_row(folder), read_events(folder))
    if lives and found.status == "queued":
        found.behind = jobs_ahead(folder)
    elif lives:
        found.status = "running"
    elif found.status not in ENDS:
        found.status = "died"
        found.end = {"error": _FALLEN, "remedy": resume_command(folder)}
    return found


def stored_view(store: Reader, job: str) -> View:
    """The state of a job whose folder is gone, from the store. Raises NoJob."""
    rows = list_jobs(store)
    name = match_job(job, [row.job for row in rows], store.path)
    return stored(store, next(row for row in rows if row.job == name))


def stored(store: Reader, row: JobRow) -> View:
    """The state of a job, from the store."""
    return summed(row, events_of(job_events(store, row.job)))


def views(root: Path, store: Reader | None, most: int) -> list[View]:
    """The newest jobs first: those with a folder, and those only in the store, if given."""
    folders = job_folders(root)
    rows: Sequence[JobRow] = list_jobs(store) if store else ()
    here = {folder.name: folder for folder in folders}
    gone = {row.job: row for row in rows if row.job not in here}
    found: list[View] = []
    for name in sorted({*here, *gone}, reverse=True)[:most]:
        if name in here:
            found.append(_view_or_damaged(here[name]))
        elif store is not None:
            found.append(stored(store, gone[name]))
    return found


def _view_or_damaged(folder: Path) -> View:
    """The state of a job, also if its files cannot be read: it must not hide the others."""
    try:
        return view(folder)
    except (BadFile, OSError) as error:
        return View(damaged_row(folder), "damaged", end={"error": str(error)})


def summed(row: JobRow, events: Iterable[Event]) -> View:
    """The state of a job from its row and all its events."""
    found = View(row)
    for event in events:
        found.add(event)
    return found


def order_of(row: JobRow) -> Mapping[str, Any]:
    """The job's order, empty if it cannot be read.

    Its parts `config`, `numbers` and `digests` are objects, if present.
    """
    try:
        order = object_of(row.order)
    except ValueError:
        return {}
    parts = {name: order[name] for name in ("config", "numbers", "digests") if name in order}
    return order if all(isinstance(part, dict) for part in parts.values()) else {}


def events_of(rows: Iterable[JobEventRow]) -> Iterator[Event]:
    """The events of these rows, in their order."""
    for row in rows:
        try:
            yield Event(row.n, row.at.isoformat(), row.kind, object_of(row.detail))
        except ValueError:
            continue

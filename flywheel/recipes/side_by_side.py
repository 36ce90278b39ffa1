"""Train several jobs at the same time, each in its own process, and show their progress.

A recipe records the runs and jobs of its steps, so that it can be stopped and resumed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from flywheel.files import write_whole
from flywheel.jobs.follow import follow
from flywheel.jobs.records.journal import Event, is_held, last_event
from flywheel.jobs.submit import Launch
from flywheel.levers.kinds import TRAINING
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.orders.order import load_order
from flywheel.workspace.job import Job
from flywheel.workspace.jobs import open_job
from flywheel.workspace.local import Local


class Notes:
    """Names of runs and jobs by step, in a file that is written atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}

    def get(self, step: str) -> str | None:
        """The recorded name of a step, or None."""
        return self._known.get(step)

    def keep(self, step: str, name: str) -> None:
        """Record the run or job of a step."""
        self._known[step] = name
        write_whole(self._path, json.dumps(self._known, indent=2) + "\n")


def train_side_by_side(
    workspace: Local, notes: Notes, jobs: Mapping[str, TrainingConfig]
) -> list[Path]:
    """The trained models in the order of the jobs. Recorded jobs are resumed.

    Ctrl-C pauses all jobs. Raises JobFailed for one that did not finish.
    """
    # The jobs share the device, and exclude others.
    shared = Launch(resources=dict.fromkeys(TRAINING.resources(), len(jobs)))
    begun = {name: _begin(workspace, notes, name, config, shared) for name, config in jobs.items()}
    tails = {name: _events(job) for name, job in begun.items()}
    steps = _Steps({name: load_order(job.folder).numbers.steps for name, job in begun.items()})
    try:
        while tails:
            for name in list(tails):
                events = next(tails[name], None)
                if events is None:
                    del tails[name]
                for event in events or ():
                    _show(name, event, steps)
            steps.show()
    except KeyboardInterrupt:
        for job in begun.values():
            if is_held(job.folder):
                job.pause()
        raise
    finally:
        steps.clear()
    workspace.keep_jobs(job.folder for job in begun.values())
    return [Path(job.model) for job in begun.values()]


class _Steps:
    """The progress of the jobs in one line of a terminal; prints nothing otherwise."""

    def __init__(self, totals: Mapping[str, int]) -> None:
        self._totals = totals
        self._done = dict.fromkeys(totals, 0)
        self._on = sys.stderr.isatty()

    def count(self, name: str, step: int) -> None:
        """Record a job's step."""
        self._done[name] = step

    def show(self) -> None:
        """Write the line."""
        if self._on:
            line = ", ".join(f"{name} {self._done[name]}/{n}" for name, n in self._totals.items())
            sys.stderr.write(f"\r\x1b[K   {line}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Clear the line."""
        if self._on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _begin(
    workspace: Local, notes: Notes, name: str, config: TrainingConfig, launch: Launch
) -> Job:
    known = notes.get(name)
    if known is None:
        job = workspace.improve(config, measure_first=True, launch=launch)
        notes.keep(name, job.name)
        return job
    job = open_job(workspace.path, known)
    if job.status == "finished" or is_held(job.folder):
        return job
    return job.resume(launch)


def _events(job: Job) -> Iterator[list[Event]]:
    last, _ = last_event(job.folder)
    return follow(job.folder, process=job.process, after=last.n if last else 0)


def _show(name: str, event: Event, steps: _Steps) -> None:
    detail = event.detail
    match event.kind:
        case "step":
            steps.count(name, detail["step"])
        case "exam":
            means = {grader: scored["mean"] for grader, scored in detail["graders"].items()}
            shown = ", ".join(
                f"{grader} {mean:.2f}" for grader, mean in means.items() if mean is not None
            )
            steps.clear()
            print(f"   {name}, step {detail['step']}: {shown}", flush=True)
        case "alarm" | "notice" | "failed":
            text = detail.get("told") or detail.get("text") or detail.get("error")
            steps.clear()
            print(f"   {name}, {event.kind}: {text}", flush=True)
        case _:
            pass

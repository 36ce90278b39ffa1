"""Shared by `improve` and `job`: follow a job with a progress bar, and show its state."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flywheel.cli.terminal.progress import open_bar
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.errors import FlywheelError
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.jobs.control import ask, kill_job
from flywheel.jobs.folder import read_row
from flywheel.jobs.follow import follow
from flywheel.jobs.outcomes import FOR_GOOD
from flywheel.jobs.records.event_shape import fits
from flywheel.jobs.records.job_state import View, order_of, view
from flywheel.jobs.records.journal import Event
from flywheel.jobs.records.ledger import Ledger
from flywheel.levers.training.objectives.union import objective
from flywheel.store.errors import StoreFailed
from flywheel.store.place import db_option
from flywheel.store.tables.jobs import JobRow
from flywheel.workspace.job import Job

Show = Callable[["View"], None]
GOOD = ("finished", "paused", "cancelled")


def followed(job: Job, db: Path, stall: float | None, *, pauses: bool = True) -> tuple[View, bool]:
    """Follow a job until it stops, and copy its events into the store.

    Returns its state and whether Ctrl-C was pressed. With `pauses` the first Ctrl-C asks the job to
    pause, and a second one kills it; without, Ctrl-C only stops following.
    """
    folder = job.folder
    state, ledger = View(read_row(folder)), Ledger(db, folder)
    presses = handled = 0
    with _bar(state) as show:
        while True:
            # The handler only counts: another Ctrl-C may arrive while this one is handled.
            try:
                if presses and not pauses:
                    again = f"flywheel job {folder.name}{db_option(db)} --follow"
                    say(f"{folder.name} keeps running; {again}")
                    return view(folder), True
                if presses > handled:
                    handled = presses
                    _stop(folder, presses)
                elif not state.n:
                    say(f"{folder.name} in {_relative(str(folder))}")
                for events in follow(folder, stall, job.process, state.n):
                    for event in events:
                        state.add(event)
                        _say(event)
                    show(state)
                    with suppress(StoreFailed):  # reported at the end; the journal has the events
                        ledger.keep()
                break
            except KeyboardInterrupt:
                presses += 1
    try:
        if not ledger.keep(now=True):
            say(f"{db} is in use; run flywheel jobs later to store the events of {folder.name}.")
    except StoreFailed as error:
        say(f"{error}\nRun flywheel jobs later to store the events of {folder.name}.")
    return state, presses > 0


def _stop(folder: Path, presses: int) -> None:
    """Pause the job on the first Ctrl-C, kill it on the second."""
    if presses > 1:
        kill_job(folder)
    else:
        ask(folder, "pause")
        say("Pausing after this step; press Ctrl-C again to kill it.")


def show_job(state: View, db: Path, as_json: bool) -> None:
    """Print a job's state, and the commands for what can be done next."""
    if as_json:
        print_json(state.as_json())
        return
    row = state.row
    of = f" of {state.total}" if state.total else ""
    loss = "" if state.loss is None else f", loss {state.loss:.4f}"
    print_line(f"{row.job}  {row.lever} of {row.model} on {row.evalset}: {state.status}")
    if state.behind:
        print_line(f"queued behind {', '.join(state.behind)}")
    print_line(f"step {state.step}{of}{loss}; baseline {row.baseline or '-'}")
    if state.damaged:
        print_line(f"{state.damaged} damaged events in its journal were ignored")
    _show_exams(state)
    for alarm in state.alarms:
        print_line(f"ALARM {alarm.get('name', '')}: {alarm.get('told', '')}")
    if state.end.get("error"):
        print_line(f"{state.status}: {state.end['error']}")
    for line in _next(state, db):
        print_line(line)


def primary_of(state: View) -> str | None:
    """The evalset's primary grader, None if the evalset no longer exists."""
    try:
        return load_evalset(str(order_of(state.row).get("config", {}).get("evalset"))).primary.name
    except FlywheelError:
        return None


def score(state: View, step: int, grader: str | None) -> float | None:
    """The mean of a grader, or else of the first one, at the exam of a step."""
    graders: dict[str, Any] = state.exams[step].get("graders") or {}
    name = grader if grader in graders else next(iter(graders), None)
    return graders[name].get("mean") if name else None


def _show_exams(state: View) -> None:
    if not state.exams:
        return
    primary = primary_of(state)
    names = list(dict.fromkeys(name for e in state.exams.values() for name in e["graders"]))
    rows: list[tuple[str, ...]] = []
    for step in sorted(state.exams):
        graders = state.exams[step]["graders"]
        means = [number(graders.get(name, {}).get("mean")) for name in names]
        ungraded = sum(graders[name].get("ungraded", 0) for name in graders)
        best = "best" if step == state.best_step else ""
        rows.append((str(step), *means, str(ungraded), best))
    marked = [name + "*" * (name == primary) for name in names]
    print_table(("exam", *marked, "ungraded", ""), rows)
    items = max(grader.get("n", 0) for grader in state.exams[max(state.exams)]["graders"].values())
    print_line(f"* primary; means over {items} items of dev, which select the best step")
    for line in _floor_lines(state, primary):
        print_line(line)


def _floor_lines(state: View, primary: str | None) -> list[str]:
    """Warnings if the best exam is no better than answers that take no skill."""
    step = max(state.exams) if state.best_step is None else state.best_step
    if step not in state.exams:
        return []
    exam, mean = state.exams[step], score(state, step, primary)
    lines: list[str] = []
    if exam.get("distinct_answers") == 1 and mean is not None:
        lines.append(f"at step {step} the model gives the same answer to every item")
    floor = exam.get("floor")
    if isinstance(floor, float) and mean is not None and 0 < floor >= mean:
        lines.append(f"step {step} is not above the majority floor of {floor:.3f}")
    return lines


def _next(state: View, db: Path) -> list[str]:
    """The next commands to run."""
    row = state.row
    store = db_option(db)
    job = f"flywheel job {row.job}"
    if state.status == "finished" and state.end.get("out"):
        out = _relative(str(state.end["out"]))
        lines = [f"the model of step {state.best_step} is in {out}"]
        made = objective(row.lever)
        if made is not None and made.scores:  # a reward model generates no text to evaluate
            return lines
        base, second = _relative(row.model), f"--set seed={other_seed(row)}"
        return [
            *lines,
            f"next, on the test split (and again with {second}, for the gate):",
            f"  flywheel baseline {row.evalset} -m {base} --split test{store}",
            f"  flywheel eval {row.evalset} -m {out} --split test{store}",
            f"  flywheel gate RUN --baseline RUN --seed-run RUN{store}",
        ]
    if state.status in ("running", "accepted", "queued"):
        return [f"next: {job}{store} --follow, --pause or --cancel"]
    if state.status in FOR_GOOD:
        return []
    return [f"next: {state.end.get('remedy') or f'{job} --resume{store}'}"]


def other_seed(row: JobRow) -> int:
    """A seed that this training did not use; the gate needs a second one."""
    seed = order_of(row).get("config", {}).get("seed")
    return seed + 1 if isinstance(seed, int) else 1


def _relative(path: str) -> str:
    """A path relative to the working directory, if it is below it."""
    if not Path(path).is_absolute():
        return path
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _say(event: Event) -> None:
    if event.kind in ("notice", "progress"):
        say(str(event.detail.get("text", "")))
    elif event.kind in ("masks", "preflight") and fits(event):
        for line in event.detail.get("told", ()):
            say(str(line))
    elif event.kind == "queued" and fits(event):
        say(f"queued behind {', '.join(event.detail['behind'])}")
    elif event.kind == "alarm":
        say(f"ALARM {event.detail.get('name', '')}: {event.detail.get('told', '')}")


@contextmanager
def _bar(state: View) -> Generator[Show]:
    """A progress bar on a terminal; otherwise one line per exam."""
    primary = primary_of(state)
    if not sys.stderr.isatty():
        printed: set[int] = set()

        def print_exams(now: View) -> None:
            for step in sorted(set(now.exams) - printed):
                printed.add(step)
                say(f"step {step}  {_figures(now, step, primary)}")

        yield print_exams
        return
    shown = "starting"
    what = f"{state.row.lever} {state.row.evalset}"
    with open_bar(what, state.total, lambda _: shown) as update:

        def move(now: View) -> None:
            nonlocal shown
            shown = _figures(now, now.step, primary)
            update(completed=now.step)

        yield move


def _figures(state: View, step: int, primary: str | None) -> str:
    """The loss of a step and the score of the last exam up to it."""
    loss = state.steps.get(step, {}).get("loss")
    exams = [at for at in state.exams if at <= step]
    parts = [] if loss is None else [f"loss {loss:.3f}"]
    if exams:
        last = score(state, max(exams), primary)
        parts.append(f"dev {'-' if last is None else f'{last:.3f}'}")
    return "  ".join(parts) or "starting"

"""What `train` and `job` share: follow a job with a bar, and show what became of it."""

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
    """Follow a job to its rest, tell the store, and say whether ctrl-C was pressed.

    With `pauses` the first ctrl-C asks the job to pause, and a second one kills it; without, ctrl-C
    only stops following.
    """
    folder = job.folder
    found, ledger = View(read_row(folder)), Ledger(db, folder)
    presses = obeyed = 0
    with _bar(found) as show:
        while True:
            # A press is only counted where it falls: the next may fall while this one is obeyed.
            try:
                if presses and not pauses:
                    again = f"flywheel job {folder.name}{db_option(db)} --follow"
                    say(f"{folder.name} keeps running; {again}")
                    return view(folder), True
                if presses > obeyed:
                    obeyed = presses
                    _obey(folder, presses)
                elif not found.n:
                    say(f"{folder.name} in {_near(str(folder))}")
                for events in follow(folder, stall, job.process, found.n):
                    for event in events:
                        found.add(event)
                        _say(event)
                    show(found)
                    with suppress(StoreFailed):  # said at the end; the events wait in their file
                        ledger.keep()
                break
            except KeyboardInterrupt:
                presses += 1
    try:
        if not ledger.keep(now=True):
            say(f"{db} is in other hands; flywheel jobs tells it of {folder.name} later.")
    except StoreFailed as error:
        say(f"{error}\nflywheel jobs tells the store of {folder.name} later.")
    return found, presses > 0


def _obey(folder: Path, presses: int) -> None:
    """Pause the job at the first ctrl-C, kill it at the second."""
    if presses > 1:
        kill_job(folder)
    else:
        ask(folder, "pause")
        say("Pausing after this step; ctrl-C again kills it.")


def show_job(found: View, db: Path, as_json: bool) -> None:
    """Everything about a job, and what can be done next."""
    if as_json:
        print_json(found.as_json())
        return
    row = found.row
    of = f" of {found.total}" if found.total else ""
    loss = "" if found.loss is None else f", loss {found.loss:.4f}"
    print_line(f"{row.job}  {row.lever} of {row.model} on {row.evalset}: {found.status}")
    if found.behind:
        print_line(f"queued behind {', '.join(found.behind)}")
    print_line(f"step {found.step}{of}{loss}; baseline {row.baseline or '-'}")
    if found.damaged:
        print_line(f"{found.damaged} events of its journal are damaged and left out")
    _show_exams(found)
    for alarm in found.alarms:
        print_line(f"ALARM {alarm.get('name', '')}: {alarm.get('told', '')}")
    if found.end.get("error"):
        print_line(f"{found.status}: {found.end['error']}")
    for line in _next(found, db):
        print_line(line)


def primary_of(found: View) -> str | None:
    """The grader that decides, None when the evalset is not to be found any more."""
    try:
        return load_evalset(str(order_of(found.row).get("config", {}).get("evalset"))).primary.name
    except FlywheelError:
        return None


def score(found: View, step: int, grader: str | None) -> float | None:
    """The mean of a grader at the exam of a step; of the first one, where none is named."""
    graders: dict[str, Any] = found.exams[step].get("graders") or {}
    name = grader if grader in graders else next(iter(graders), None)
    return graders[name].get("mean") if name else None


def _show_exams(found: View) -> None:
    if not found.exams:
        return
    primary = primary_of(found)
    names = list(dict.fromkeys(name for e in found.exams.values() for name in e["graders"]))
    rows: list[tuple[str, ...]] = []
    for step in sorted(found.exams):
        graders = found.exams[step]["graders"]
        means = [number(graders.get(name, {}).get("mean")) for name in names]
        ungraded = sum(graders[name].get("ungraded", 0) for name in graders)
        best = "best" if step == found.best_step else ""
        rows.append((str(step), *means, str(ungraded), best))
    marked = [name + "*" * (name == primary) for name in names]
    print_table(("exam", *marked, "ungraded", ""), rows)
    items = max(grader.get("n", 0) for grader in found.exams[max(found.exams)]["graders"].values())
    print_line(f"* primary; each exam asks {items} items of dev, which choose the best step")
    for line in _floor_lines(found, primary):
        print_line(line)


def _floor_lines(found: View, primary: str | None) -> list[str]:
    """What is wrong with the best exam, where answers that take no skill score as much."""
    step = max(found.exams) if found.best_step is None else found.best_step
    if step not in found.exams:
        return []
    exam, mean = found.exams[step], score(found, step, primary)
    lines: list[str] = []
    if exam.get("distinct_answers") == 1 and mean is not None:
        lines.append(f"at step {step} the model gives the same answer to every item")
    floor = exam.get("floor")
    if isinstance(floor, float) and mean is not None and 0 < floor >= mean:
        lines.append(f"step {step} is not above the majority floor of {floor:.3f}")
    return lines


def _next(found: View, db: Path) -> list[str]:
    """What to do now, as commands."""
    row = found.row
    store = db_option(db)
    job = f"flywheel job {row.job}"
    if found.status == "finished" and found.end.get("out"):
        out = _near(str(found.end["out"]))
        lines = [f"the model of step {found.best_step} is in {out}"]
        made = objective(row.lever)
        if made is not None and made.scores:  # it answers nothing that an eval could measure
            return lines
        base, second = _near(row.model), f"--set seed={other_seed(row)}"
        return [
            *lines,
            f"next, on the split that no lever saw (and again with {second}, for the gate):",
            f"  flywheel baseline {row.evalset} -m {base} --split test{store}",
            f"  flywheel eval {row.evalset} -m {out} --split test{store}",
            f"  flywheel gate RUN --baseline RUN --seed-run RUN{store}",
        ]
    if found.status in ("running", "accepted", "queued"):
        return [f"next: {job}{store} --follow, --pause or --cancel"]
    if found.status in FOR_GOOD:
        return []
    return [f"next: {found.end.get('remedy') or f'{job} --resume{store}'}"]


def other_seed(row: JobRow) -> int:
    """A seed that this training did not have; the gate wants a second one."""
    seed = order_of(row).get("config", {}).get("seed")
    return seed + 1 if isinstance(seed, int) else 1


def _near(path: str) -> str:
    """A path as it is written from here."""
    if not Path(path).is_absolute():
        return path
    near = os.path.relpath(path)
    return path if near.startswith("..") else near


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
def _bar(found: View) -> Generator[Show]:
    """A bar where a terminal looks; elsewhere a line an exam."""
    primary = primary_of(found)
    if not sys.stderr.isatty():
        told: set[int] = set()

        def tell(now: View) -> None:
            for step in sorted(set(now.exams) - told):
                told.add(step)
                say(f"step {step}  {_figures(now, step, primary)}")

        yield tell
        return
    shown = "starting"
    what = f"{found.row.lever} {found.row.evalset}"
    with open_bar(what, found.total, lambda _: shown) as update:

        def move(now: View) -> None:
            nonlocal shown
            shown = _figures(now, now.step, primary)
            update(completed=now.step)

        yield move


def _figures(found: View, step: int, primary: str | None) -> str:
    """The loss of a step and the last exam up to it, in a few words."""
    loss = found.steps.get(step, {}).get("loss")
    exams = [at for at in found.exams if at <= step]
    parts = [] if loss is None else [f"loss {loss:.3f}"]
    if exams:
        last = score(found, max(exams), primary)
        parts.append(f"dev {'-' if last is None else f'{last:.3f}'}")
    return "  ".join(parts) or "starting"

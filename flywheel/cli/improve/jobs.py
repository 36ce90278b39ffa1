"""flywheel jobs and flywheel job: list jobs; show, follow and control one."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.improve.following import GOOD, followed, primary_of, score, show_job
from flywheel.cli.improve.improve import Nice, Now, StallMinutes, launch_of
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.errors import BadOption
from flywheel.workspace.jobs import job_view, list_jobs, open_job


def jobs(
    most: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 20,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List the jobs, newest first, even while another command uses the store."""
    found = list_jobs(db, most, say)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    columns = ("job", "status", "lever", "evalset", "model", "step", "of", "loss", "dev")
    rows: list[tuple[str, ...]] = []
    for one in found:
        row = one.row
        at = one.best_step if one.best_step in one.exams else max(one.exams, default=None)
        dev = None if at is None else score(one, at, primary_of(one))
        names = (row.job, one.status, row.lever, row.evalset, row.model[-24:])
        total = "-" if one.total is None else str(one.total)
        rows.append((*names, str(one.step), total, number(one.loss), number(dev)))
    print_table(columns, rows, drop=("lever", "of", "loss", "evalset"))
    for one in found:
        if one.behind:
            print_line(f"{one.row.job} is queued behind {', '.join(one.behind)}")


def job(
    name: Annotated[
        str,
        typer.Argument(metavar="JOB", help="Job name or a unique prefix; latest."),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", help="Follow the job until it ends or pauses.")
    ] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Save a checkpoint and stop.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the last checkpoint.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop permanently.")] = False,
    now: Now = False,
    stall_minutes: StallMinutes = 10.0,
    nice: Nice = 0,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show a job; pause, resume or cancel it; or follow it from another terminal."""
    if pause + resume + cancel > 1:
        raise BadOption("use only one of --pause, --resume and --cancel")
    launch = launch_of(stall_minutes, nice, now)
    if not (follow or pause or resume or cancel):
        show_job(job_view(db, name, say), db, as_json)
        return
    chosen = open_job(db, name)
    if resume:
        chosen.resume(launch)
    elif cancel:
        chosen.cancel()
    elif pause:
        chosen.pause()
    if not follow:
        show_job(job_view(db, chosen.name, say), db, as_json)
        return
    state, pressed = followed(chosen, db, launch.stall, pauses=False)
    show_job(state, db, as_json)
    if state.status not in GOOD or pressed:
        raise typer.Exit(130 if pressed else 1)

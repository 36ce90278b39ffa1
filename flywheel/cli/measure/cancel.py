"""flywheel cancel: stop a run of another process, or a job."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json
from flywheel.cli.terminal.tables import print_json, print_line
from flywheel.errors import BadOption, NoJob, NoRun
from flywheel.outputs import work as outputs
from flywheel.visible import one_line
from flywheel.workspace.open import open_reading
from flywheel.workspace.reading import Reading, Remote
from flywheel.workspace.run import Run


def cancel(
    name: Annotated[str, typer.Argument(metavar="RUN|JOB", help="A run or a job, by its name.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Stop a run that another process measures, or a job. Its results so far are kept.

    A run can be resumed. A cancelled job cannot; use flywheel job JOB --pause instead.
    """
    with open_reading(db) as workspace:
        stopped, next_step = _cancelled(workspace, name)
    if as_json:
        print_json(stopped)
    else:
        print_line(f"Cancelled {one_line(stopped['name'])}{next_step}")


def _cancelled(workspace: Reading, name: str) -> tuple[outputs.Cancelled, str]:
    """Cancel the run, or else the job, with this name. Returns it, and how to resume it."""
    try:
        run = workspace.run(name)
    except NoRun as no_run:
        try:
            job = workspace.job(name)
        except NoJob:
            raise BadOption(f"{no_run}; there is no such job either") from None
        job.cancel()
        return {"kind": "job", "name": job.name}, ""
    if not isinstance(workspace, Remote) or not workspace.cancel(run):
        raise BadOption(_not_running(run))
    return {"kind": "run", "name": run.name}, f"; resume with: {run.resume_command()}"


def _not_running(run: Run) -> str:
    if run.status == "finished":
        return f"{run.name} has already finished"
    return f"{run.name} is not running: it is {run.status}"

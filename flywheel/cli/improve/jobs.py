"""flywheel jobs, flywheel job: what was started, how far it is, and what it should do."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.improve.following import GOOD, followed, primary_of, score, show_job
from flywheel.cli.improve.improve import Nice, Now, StallMinutes, launch_of
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.errors import BadOption, NoJob
from flywheel.jobs.control import ask
from flywheel.jobs.folder import find_job, job_folders
from flywheel.jobs.job_root import jobs_root
from flywheel.jobs.job_state import View, stored_view, view, views
from flywheel.jobs.ledger import tell_store
from flywheel.jobs.outcomes import settle
from flywheel.jobs.submit import resume as go_on
from flywheel.levers.kinds import KINDS
from flywheel.store.errors import BrokenStore, StoreFailed, StoreInUse
from flywheel.store.store import Store, open_store


def jobs(
    most: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 20,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List the jobs, the newest first, also while another command has the store."""
    with _told(db) as store:
        found = views(jobs_root(db), store, most)
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
        typer.Argument(metavar="JOB", help="A job, or the start of its name; latest."),
    ],
    follow: Annotated[bool, typer.Option("--follow", help="Wait until it is at rest.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Keep a checkpoint, and stop.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop for good.")] = False,
    now: Now = False,
    stall_minutes: StallMinutes = 10.0,
    nice: Nice = 0,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show a job; pause, resume or cancel it; or follow it from another terminal."""
    if pause + resume + cancel > 1:
        raise BadOption("give one of --pause, --resume and --cancel")
    root, launch = jobs_root(db), launch_of(stall_minutes, nice, now)
    try:
        folder = find_job(root, name)
    except NoJob as missing:
        if pause or resume or cancel or follow:
            raise
        show_job(_of_the_store(name, db, missing), db, as_json)
        return
    process = go_on(folder, KINDS, launch).process if resume else None
    if pause or cancel:
        ask(folder, "pause" if pause else "cancel")
    if not follow:
        with _told(db):
            found = view(folder)
        show_job(found, db, as_json)
        return
    found, pressed = followed(folder, db, launch.stall, process, pauses=False)
    show_job(found, db, as_json)
    if found.status not in GOOD or pressed:
        raise typer.Exit(130 if pressed else 1)


@contextmanager
def _told(db: Path) -> Generator[Store | None]:
    """The store, brought up to date with the jobs' folders; None where it cannot be written now.

    A job whose process is gone without a word is said to have died. The folders alone answer where
    there is no store: none is made for that.
    """
    folders = job_folders(jobs_root(db))
    for folder in folders:
        settle(folder)
    if not db.exists():
        yield None
        return
    with ExitStack() as stack:
        store = None
        try:
            store = stack.enter_context(open_store(db))
            tell_store(store, folders)
        except StoreInUse:
            pass
        except StoreFailed as error:
            if isinstance(error, BrokenStore) or not db.is_file():
                raise
            store = None
            say(f"{error}\nThe jobs are read from their folders instead.")
        yield store


def _of_the_store(name: str, db: Path, missing: Exception) -> View:
    """A job whose folder is gone, from the store. Raises `missing` where there is no store."""
    with _told(db) as store:
        if store is None:
            raise missing
        return stored_view(store, name)

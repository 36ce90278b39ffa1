"""The jobs of a workspace. Their folders hold their state, and the store a copy of their events.

A job may run for days, so it is read from its folder while another process owns the store.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flywheel.errors import NoJob
from flywheel.jobs.folder import find_job, job_folders, jobs_root
from flywheel.jobs.outcomes import settle
from flywheel.jobs.records.job_state import View, stored_view, view, views
from flywheel.jobs.records.ledger import update_store
from flywheel.store.errors import BrokenStore, StoreFailed, StoreInUse
from flywheel.store.read_server import RemoteReader, is_served
from flywheel.store.reader import Reader
from flywheel.store.store import open_store
from flywheel.workspace.job import Job

Say = Callable[[str], object]


def list_jobs(db: Path, most: int, say: Say = lambda text: None) -> list[View]:
    """The newest jobs first. If the store cannot be read, `say` gets the reason."""
    with _current(db, say) as store:
        return views(jobs_root(db), store, most)


def job_view(db: Path, name: str, say: Say = lambda text: None) -> View:
    """A job by its name, from its folder, or from the store if that is gone. Raises NoJob."""
    with _current(db, say) as store:
        try:
            return view(find_job(jobs_root(db), name))
        except NoJob:
            if store is None:
                raise
            return stored_view(store, name)


def open_job(db: Path, name: str) -> Job:
    """The job of this name, a unique prefix of it, or `latest`. Raises NoJob without a folder."""
    return Job(find_job(jobs_root(db), name))


@contextmanager
def _current(db: Path, say: Say) -> Generator[Reader | None]:
    """The store, updated from the jobs' folders; None if it cannot be read now, or does not exist.

    A job whose process ended without a final event is recorded as died. No store is created.
    """
    folders = job_folders(jobs_root(db))
    for folder in folders:
        settle(folder)
    if not db.exists():
        yield None
        return
    with ExitStack() as stack:
        store: Reader | None = None
        try:
            if is_served(db):
                store = RemoteReader(db)
            else:
                own = stack.enter_context(open_store(db))
                update_store(own, folders)
                store = own
        except StoreInUse:
            pass
        except StoreFailed as error:
            if isinstance(error, BrokenStore) or not db.is_file():
                raise
            say(f"{error}\nThe jobs are read from their folders instead.")
        yield store

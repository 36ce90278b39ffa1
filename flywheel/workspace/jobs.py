"""The jobs of a workspace: their folders say how they are, and the store keeps what they said.

A job may run for days, so its folder answers also while another process owns the store.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flywheel.errors import NoJob
from flywheel.jobs.folder import find_job, job_folders, jobs_root
from flywheel.jobs.outcomes import settle
from flywheel.jobs.records.job_state import View, stored_view, view, views
from flywheel.jobs.records.ledger import tell_store
from flywheel.store.errors import BrokenStore, StoreFailed, StoreInUse
from flywheel.store.read_server import RemoteReader, is_served
from flywheel.store.reader import Reader
from flywheel.store.store import open_store
from flywheel.workspace.job import Job

Say = Callable[[str], object]


def list_jobs(db: Path, most: int, say: Say = lambda text: None) -> list[View]:
    """The newest jobs first. `say` hears why the store is not read, where it cannot be."""
    with _current(db, say) as store:
        return views(jobs_root(db), store, most)


def job_view(db: Path, name: str, say: Say = lambda text: None) -> View:
    """A job by its name: from its folder, or from the store where that is gone. Raises NoJob."""
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
    """The store, brought up to date with the jobs' folders; None where it cannot be read now.

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
        store: Reader | None = None
        try:
            if is_served(db):
                store = RemoteReader(db)
            else:
                own = stack.enter_context(open_store(db))
                tell_store(own, folders)
                store = own
        except StoreInUse:
            pass
        except StoreFailed as error:
            if isinstance(error, BrokenStore) or not db.is_file():
                raise
            say(f"{error}\nThe jobs are read from their folders instead.")
        yield store

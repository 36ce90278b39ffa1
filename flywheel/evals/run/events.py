"""Events of a run, written to the store while it runs."""

from __future__ import annotations

import uuid
from asyncio import CancelledError
from collections.abc import Generator
from contextlib import contextmanager

from flywheel.engines.budget import BudgetSpent
from flywheel.store.errors import BrokenStore, StoreFailed
from flywheel.store.place import db_option
from flywheel.store.reader import Reader
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.runs import RunEventRow, RunRow, Status


@contextmanager
def at_work(store: Store, row: RunRow, options: str = "") -> Generator[None]:
    """Store that a run starts, and at the end that it finished, failed or was interrupted.

    If the store cannot be written, its error has the command that resumes the run, with `options`.
    """
    try:
        say(store, row.run, "started")
        try:
            yield
        except (KeyboardInterrupt, CancelledError, BudgetSpent) as stop:
            say(store, row.run, "interrupted", str(stop) or None)
            if isinstance(stop, BudgetSpent):
                again = resume_command(row, store, options)
                raise BudgetSpent(f"{stop}; raise it and resume with: {again}") from None
            raise
        except StoreFailed:
            raise
        except BaseException as error:
            say(store, row.run, "failed", f"{type(error).__name__}: {error}")
            raise
        say(store, row.run, "finished")
    except BrokenStore:
        raise
    except StoreFailed as error:
        raise StoreFailed(
            f"{error}. Then resume with: {resume_command(row, store, options)}"
        ) from error


def say(store: Store, run: str, status: Status, detail: str | None = None) -> None:
    """Store an event of a run."""
    event = RunEventRow(run, utc_now(), status, detail)
    store.write(f"{run}/{uuid.uuid4().hex}", {"run_events": [event]})


def resume_command(row: RunRow, store: Reader, options: str = "") -> str:
    """The command that resumes a run. It names the store if necessary."""
    verb = "regrade" if row.kind == "regrade" else "eval"
    return f"flywheel {verb} --resume {row.run}{options}{db_option(store.path)}"

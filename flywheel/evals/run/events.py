"""Events: what becomes of a run, said in the store while it goes on."""

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
    """Say that work on a run starts, and at the end whether it finished, failed or was interrupted.

    A store that cannot be written takes no event either: its error tells how to go on instead,
    with the `options` that the command needs.
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
    """Write down what became of a run."""
    event = RunEventRow(run, utc_now(), status, detail)
    store.write(f"{run}/{uuid.uuid4().hex}", {"run_events": [event]})


def resume_command(row: RunRow, store: Reader, options: str = "") -> str:
    """The command that does what is left of a run. It names the store where that is needed."""
    verb = "regrade" if row.kind == "regrade" else "eval"
    return f"flywheel {verb} --resume {row.run}{options}{db_option(store.path)}"

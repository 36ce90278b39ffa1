"""Bring: a file of another harness into the store, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from flywheel.errors import BadFile
from flywheel.importers.gather import gather
from flywheel.importers.spool import Spool
from flywheel.importers.verdict import Naming, Verdict
from flywheel.importers.write import Advance, Imported, write
from flywheel.store.store import open_store

Read = Callable[[Path, Naming], Iterator[Verdict]]


def bring(
    read: Read,
    path: Path,
    naming: Naming,
    db: Path,
    primary: str | None = None,
    advance: Advance = lambda count: None,
) -> list[Imported]:
    """Read a file whole, then write its runs. Raises BadFile, BadOption, RunTaken.

    The store is opened, and made, only once the file was read without a fault.
    """
    with Spool() as spool:
        gathered = gather(read(path, naming), spool, primary)
        if not gathered.runs:
            raise BadFile(f"{path}: no verdicts in it")
        with open_store(db) as store:
            return write(store, gathered, advance, naming.short)

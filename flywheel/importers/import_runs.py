"""Import a file of another harness into the store, all or nothing."""

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


def import_runs(
    read: Read,
    path: Path,
    naming: Naming,
    db: Path,
    primary: str | None = None,
    advance: Advance = lambda count: None,
) -> list[Imported]:
    """Read the whole file, then write its runs. Raises BadFile, BadOption, RunTaken.

    The store is opened, or created, only after the file has been read without errors.
    """
    with Spool() as spool:
        gathered = gather(read(path, naming), spool, primary)
        if not gathered.runs:
            raise BadFile(f"{path}: has no verdicts")
        with open_store(db) as store:
            return write(store, gathered, advance, naming.short)

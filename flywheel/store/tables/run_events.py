"""run_events: what became of each run. The newest event is its status."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table

Status = Literal["started", "interrupted", "finished", "failed"]


class RunEventRow(NamedTuple):
    """One event. `status` is one of `Status`, `detail` says more in words."""

    run: str
    created: datetime
    status: str
    detail: str | None


RUN_EVENTS = Table("run_events", RunEventRow, key=("run", "status", "created"))

# The newest event of each run; of two in one microsecond, the one that was written last.
LATEST = """
SELECT "run", "status", "detail", "created" FROM "run_events"
QUALIFY row_number() OVER (PARTITION BY "run" ORDER BY "created" DESC, rowid DESC) = 1
"""


def run_status(store: Reader, run: str) -> str | None:
    """The status of a run, None when nothing was ever said of it."""
    found = store.query(f'SELECT "status" FROM ({LATEST}) WHERE "run" = ?', [run])
    return str(found[0]["status"]) if found else None

"""One stream of the events of runs and jobs, which a reader can continue after a restart.

    page, cursor = events_since(store, Cursor.parse(saved))

The events of one run or job are in order. Those of different ones are ordered by time within a
page, as far as their clocks agree. A job's events appear once they are copied into the store
(`flywheel.jobs.records.ledger`).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from flywheel.errors import BadOption
from flywheel.states import JOB_STATES, RUN_STATES, State
from flywheel.store.reader import Reader
from flywheel.store.rows.values import object_of

_CURSOR = re.compile(r"([0-9]{1,15})\.([0-9]{1,15})")


class Event(NamedTuple):
    """An event of a run or a job: `subject` is its name, `kind` is for example job.step."""

    kind: str
    time: datetime
    subject: str
    detail: Mapping[str, Any]

    @property
    def state(self) -> State | None:
        """The state of the subject after the event; None if the event does not change it."""
        owner, _, word = self.kind.partition(".")
        return (RUN_STATES if owner == "run" else JOB_STATES).get(word)

    def as_json(self) -> dict[str, Any]:
        """The event as one JSON object."""
        at = self.time.isoformat(timespec="microseconds") + "Z"
        fields = {"kind": self.kind, "time": at, "subject": self.subject, "state": self.state}
        return {**fields, "detail": dict(self.detail)}


class Cursor(NamedTuple):
    """A reader's position: the numbers of events of runs and of jobs read. As text, 3.17."""

    runs: int = 0
    jobs: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a cursor from text. Raises BadOption."""
        parts = _CURSOR.fullmatch(text)
        if parts is None:
            raise BadOption(f"{text!r:.40} is no cursor of events; wanted one such as 3.17")
        return cls(int(parts[1]), int(parts[2]))

    def __str__(self) -> str:
        return f"{self.runs}.{self.jobs}"


START = Cursor()
_RUN_EVENTS = (
    'SELECT "created" AS "time", "run" AS "subject", "status" AS "word", "detail" FROM "run_events"'
)


def events_of_run(store: Reader, run: str) -> list[Event]:
    """The events of one run so far, in order."""
    return [*map(_run_event, store.query(f'{_RUN_EVENTS} WHERE "run" = ? ORDER BY rowid', [run]))]


def events_since(
    store: Reader, since: Cursor = START, most: int = 1000
) -> tuple[list[Event], Cursor]:
    """The next events after a cursor, and the next cursor.

    At most `most` of runs and `most` of jobs. A row whose detail is not a JSON object, which
    another program wrote, is skipped. Raises BadOption for a cursor beyond the end of this store.
    """
    # Rows are never removed, so a row's number is the count of rows before it.
    runs = store.query(f"{_RUN_EVENTS} WHERE rowid >= ? ORDER BY rowid LIMIT ?", [since.runs, most])
    jobs = store.query(
        'SELECT "at" AS "time", "job" AS "subject", "kind" AS "word", "detail"'
        ' FROM "job_events" WHERE rowid >= ? ORDER BY rowid LIMIT ?',
        [since.jobs, most],
    )
    if not runs and not jobs and since != START:
        _check(store, since)
    merged = heapq.merge(
        [_run_event(row) for row in runs],
        [event for row in jobs if (event := _job_event(row))],
        key=lambda event: event.time,
    )
    return list(merged), Cursor(since.runs + len(runs), since.jobs + len(jobs))


def _check(store: Reader, since: Cursor) -> None:
    (counts,) = store.query(
        'SELECT (SELECT count(*) FROM "run_events") AS "runs",'
        ' (SELECT count(*) FROM "job_events") AS "jobs"'
    )
    if since.runs > counts["runs"] or since.jobs > counts["jobs"]:
        raise BadOption(
            f"the cursor {since} is of another store: {store.path} has"
            f" {Cursor(**counts)}; begin without a cursor"
        )


def _run_event(row: Mapping[str, Any]) -> Event:
    detail = {} if row["detail"] is None else {"text": row["detail"]}
    return Event(f"run.{row['word']}", row["time"], row["subject"], detail)


def _job_event(row: Mapping[str, Any]) -> Event | None:
    try:
        return Event(f"job.{row['word']}", row["time"], row["subject"], object_of(row["detail"]))
    except ValueError:
        return None

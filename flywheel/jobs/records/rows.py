"""The JSON in a job's rows. Another program may have written them: what cannot be read is nothing.

An order that is no object is taken for an empty one, and an event whose detail is no object is left
out, as a damaged line of a journal is. Neither hides the other jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flywheel.jobs.records.journal import Event
from flywheel.store.rows.values import object_of
from flywheel.store.tables.jobs import JobEventRow, JobRow


def order_of(row: JobRow) -> Mapping[str, Any]:
    """What the job does, empty where that cannot be read. Its parts are objects, where it has any.

    The parts are `config`, `numbers` and `digests`.
    """
    try:
        order = object_of(row.order)
    except ValueError:
        return {}
    parts = {name: order[name] for name in ("config", "numbers", "digests") if name in order}
    return order if all(isinstance(part, dict) for part in parts.values()) else {}


def events_of(rows: Iterable[JobEventRow]) -> Iterator[Event]:
    """The events of these rows, in their order."""
    for row in rows:
        try:
            yield Event(row.n, row.at.isoformat(), row.kind, object_of(row.detail))
        except ValueError:
            continue

"""The states of whatever takes its time: a run, a job, a search. One vocabulary for all of them.

What a run's or a job's own events say in more detail maps to it here. A state is final when nothing
can follow; a paused or failed run or job can be resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a run, a job or a search stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether no other state can follow."""
        return self in (State.FINISHED, State.CANCELLED)


# By the status of a run's event.
RUN_STATES: Mapping[str, State] = {
    "started": State.RUNNING,
    "interrupted": State.PAUSED,
    "finished": State.FINISHED,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}

# By the kind of a job's event. Every other kind leaves the state as it is.
JOB_STATES: Mapping[str, State] = {
    "accepted": State.QUEUED,
    "queued": State.QUEUED,
    "claimed": State.RUNNING,
    "started": State.RUNNING,
    "paused": State.PAUSED,
    "finished": State.FINISHED,
    "failed": State.FAILED,
    "stalled": State.FAILED,
    "died": State.FAILED,
    "cancelled": State.CANCELLED,
}

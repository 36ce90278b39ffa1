"""The states that runs, jobs and searches share.

The more detailed status of a run or a job maps to one of these. No other state follows a final one;
a paused or failed run or job can be resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """The state of a run, a job or a search."""

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

"""checkpoints: what a job kept on its way, with how good it was on dev."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.store.rows.table import Table


class CheckpointRow(NamedTuple):
    """One checkpoint, told by event `n` of its job. `metrics` is JSON.

    The folder at `path` may be gone: a job keeps a few. One that goes on may write a step again.
    """

    job: str
    n: int
    step: int
    path: str
    digest: str | None
    metrics: str


CHECKPOINTS = Table("checkpoints", CheckpointRow, key=("job", "n"))

# pyright: standard
"""A call to a local model, and the contract of what carries it out, wherever the model is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flywheel.samplers.delta import Delta
from flywheel.samplers.sampler import Output, Request


@dataclass(eq=False)
class Job:
    """Requests under way.

    `emit` gets what comes of the request at an index: one Output, or with `stream` the Deltas of
    all its answers. `end` is called once, after the last of them or when the job is cancelled; it
    is given what was raised when the model could not be loaded. Both are called in any thread.
    `adapter` is the folder of a LoRA adapter of the model. The other fields are the worker's own.
    """

    requests: Sequence[Request]
    emit: Callable[[int, Output | Delta], object]
    end: Callable[[BaseException | None], object]
    stream: bool = False
    adapter: str | None = None
    cancelled: bool = False
    left: int = 0
    rows: list[Any] = field(default_factory=list)


class Worker(Protocol):
    """Carries out jobs, several at the same time. All methods may be called from any thread."""

    def start(self, job: Job) -> None:
        """Begin a job. Its answers come by `emit`, and then `end` is called."""
        ...

    def cancel(self, job: Job) -> None:
        """Take a job out of the work before the next step. One that has ended stays as it is."""
        ...

    def close(self) -> None:
        """Cancel all jobs, and let the model go. It is loaded again for the next job."""
        ...

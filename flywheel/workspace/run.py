"""The handle of a run: wait for it, cancel it, read it."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from flywheel.errors import FlywheelError
from flywheel.evals.results.results import Result, load_result
from flywheel.evals.results.worst_items import Slice, WorstItem, slices, worst_items
from flywheel.evals.run.events import resume_command
from flywheel.outputs import runs as outputs
from flywheel.samplers.meter import Meter
from flywheel.states import RUN_STATES, State
from flywheel.store.events import Event, events_of_run
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow, run_status
from flywheel.synchronous import Work
from flywheel.visible import one_line

Advance = Callable[[int], None]


class Cancelled(FlywheelError):
    """The run was cancelled. Its answers and scores are kept."""


@dataclass
class Doing:
    """An active run: its usage, and how many of its `total` samples or verdicts are done."""

    sampler: Meter | None
    judge: Meter | None
    what: str
    total: int
    unit: str = "samples"
    options: str = ""
    done: int = 0

    def advance(self, count: int) -> None:
        """Count finished samples. Call it only from the loop's thread."""
        self.done += count

    @property
    def meters(self) -> Sequence[Meter]:
        """The usage of the model and of the judge."""
        return [meter for meter in (self.sampler, self.judge) if meter is not None]

    def cost(self) -> float | None:
        """US dollars so far; None if no price is known."""
        prices = [meter.price for meter in self.meters if meter.price is not None]
        return sum(prices) if prices else None


class Run:
    """A run of a workspace. `doing` is None for a run that this workspace did not measure."""

    def __init__(
        self,
        store: Reader,
        row: RunRow,
        doing: Doing | None = None,
        work: Work[Result] | None = None,
    ) -> None:
        self._store, self.row, self.doing, self._work = store, row, doing, work
        self._result: Result | None = None

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.row.run

    @property
    def status(self) -> str | None:
        """finished, failed, interrupted, started; None before it begins."""
        return run_status(self._store, self.name)

    @property
    def state(self) -> State:
        """Its state, in the vocabulary that runs and jobs share."""
        return RUN_STATES.get(self.status or "", State.QUEUED)

    def events(self) -> list[Event]:
        """Its events so far."""
        return events_of_run(self._store, self.name)

    @property
    def result(self) -> Result:
        """The figures of the scores so far."""
        return self._result or load_result(self._store, self.name)

    def slices(self) -> list[Slice]:
        """The primary grader's mean for each tag."""
        return slices(self._store, self.row)

    def worst(self, most: int = 5) -> list[WorstItem]:
        """The items with the lowest scores."""
        return worst_items(self._store, self.row, most)

    def wait(self, advance: Advance = lambda count: None) -> Run:
        """Wait until it has ended; `advance` gets the number of samples done. Returns the run.

        Raises the run's error, or Cancelled. An interrupt cancels the run, which can be resumed.
        """
        if self._work is None or self.doing is None:
            return self
        doing, seen = self.doing, 0

        def tick() -> None:
            nonlocal seen
            now = doing.done
            if now > seen:
                advance(now - seen)
                seen = now

        try:
            self._result = self._work.wait(tick)
        except CancelledError:
            again = self.resume_command()
            raise Cancelled(f"{self.name} was cancelled; resume it with: {again}") from None
        return self

    def has_ended(self) -> bool:
        """Whether this process does not measure it any more."""
        return self._work is None or self._work.ended()

    def cancel(self) -> None:
        """Stop it, and wait until it has stopped. Its answers are kept."""
        if self._work is not None:
            self._work.cancel()

    def resume_command(self) -> str:
        """The command that resumes it."""
        return resume_command(self.row, self._store, self.doing.options if self.doing else "")

    def as_json(self) -> outputs.Run:
        """The object that `flywheel eval --json` prints."""
        return self.result.as_json()

    def __str__(self) -> str:
        found, row = self.as_json()["primary"], self.row
        head = f"{one_line(row.run)}: {row.kind} of {one_line(row.evalset)} {row.split}"
        if found["mean"] is None:
            return f"{head}, {one_line(row.model)}; {self.status or 'not begun'}, nothing graded"
        bounds = "" if found["low"] is None else f" (95% {found['low']:.3f} to {found['high']:.3f})"
        grader = one_line(row.primary_grader)
        return f"{head}, {one_line(row.model)}; {grader} {found['mean']:.3f}{bounds}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

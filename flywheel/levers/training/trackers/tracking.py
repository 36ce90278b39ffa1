"""Tracking: forwards the events of a training to its trackers without blocking it.

Each tracker has its own thread; the training waits for it only when it opens and ends. A tracker
that raises is reported once, as a notice, and then dropped.

NAME.json in the job's folder records the tracker's run and the last logged step. A resumed training
continues the same run: steps that are in the journal but not in the tracker are logged first, and
no step is logged twice. A repeated step keeps its first numbers in the tracker; if the process is
killed, the step being logged may be missing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from flywheel.extras import missing
from flywheel.files import write_whole
from flywheel.jobs.process import ENDINGS, Emit
from flywheel.jobs.records.journal import read_events
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.trackers.trackers import OPENERS, Facts, How, Job, Opener, Service

_ENDS: Mapping[str, How] = {how: how for how in ENDINGS.values()}


@contextmanager
def tracked(
    order: Order,
    folder: Path,
    emit: Emit,
    openers: Mapping[str, Opener] = OPENERS,
    patience: float = 60.0,
) -> Generator[Emit]:
    """An `emit` that also logs each step and exam to the order's trackers.

    Trackers are closed before the training's final event is emitted, so that it stays the last one.
    Each may take `patience` seconds to open, and again to close.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder, facts_of(order))
    names = dict.fromkeys(order.config.trackers)
    lanes = [_Lane(name, openers[name], job, patience) for name in names]

    def relay() -> None:
        for lane in lanes:
            for text in lane.messages():
                emit("notice", {"text": text})

    def emit_all(kind: str, detail: Mapping[str, Any]) -> None:
        if kind in _ENDS:
            _end(lanes, _ENDS[kind])
            relay()
        emit(kind, detail)
        for lane in lanes:
            lane.put(kind, detail)
        if kind not in _ENDS:
            relay()

    try:
        for lane in lanes:
            lane.open()
        relay()
        yield emit_all
    finally:
        # No events here: none may follow the final event, and the caller reports a failure.
        _end(lanes, "failed")


def facts_of(order: Order) -> Facts:
    """The training's parameters as a flat mapping: its config with every number resolved."""
    config = order.config.model_dump(mode="json", exclude={"method", "trackers"}, exclude_none=True)
    method = order.config.method.model_dump(mode="json")
    facts = config | {f"method.{name}": value for name, value in method.items()}
    facts |= order.numbers.flat | {"baseline": order.baseline or ""}
    return {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in facts.items()}


def numbers_of(kind: str, detail: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an event, by metric name; empty for most kinds.

    Means exclude ungraded answers, which are counted separately.
    """
    if kind == "step":
        rest = {name: value for name, value in detail.items() if name != "step"}
        return {f"train/{k}": v for k, v in rest.items() if isinstance(v, int | float)}
    if kind != "exam":
        return {}
    graders: Mapping[str, Any] = detail["graders"]
    means = {f"exam/{k}": v["mean"] for k, v in graders.items() if v["mean"] is not None}
    return means | {f"ungraded/{k}": v["ungraded"] for k, v in graders.items() if v["ungraded"]}


def _end(lanes: Sequence[_Lane], how: How) -> None:
    for lane in lanes:
        lane.end(how)
    for lane in lanes:
        lane.wait()


@dataclass
class _Mark:
    """The run and its last logged step and exam. An unreadable file means a new run."""

    where: str = ""
    run: str = ""
    step: int = -1
    exam: int = -1

    @classmethod
    def read(cls, path: Path) -> _Mark:
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        write_whole(path, json.dumps(asdict(self)) + "\n", durable=False)


class _Lane:
    """One tracker and its thread; only the thread uses the tracker and the mark."""

    def __init__(self, name: str, opener: Opener, job: Job, patience: float) -> None:
        self._name, self._opener, self._job, self._patience = name, opener, job, patience
        self._events: SimpleQueue[tuple[str, Mapping[str, Any]] | How] = SimpleQueue()
        self._messages: SimpleQueue[str] = SimpleQueue()
        self._opened = threading.Event()
        self._over = self._waited = False
        # A daemon, so that a tracker that hangs cannot keep the process alive.
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)

    def open(self) -> None:
        """Start, and wait until the run is open: imports in two threads could deadlock."""
        self._thread.start()
        if not self._opened.wait(self._patience):
            self._say(f"has not opened within {self._patience:g} s; the training continues")

    def put(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Queue an event for the tracker."""
        if not self._over and self._thread.is_alive():
            self._events.put((kind, detail))

    def end(self, how: How) -> None:
        """Queue the end of the run. A second call has no effect."""
        if not self._over:
            self._over = True
            self._events.put(how)

    def wait(self) -> None:
        """Wait up to `patience` seconds for the tracker to end; only once."""
        if self._waited or self._thread.ident is None:
            return
        self._waited = True
        self._thread.join(self._patience)
        if self._thread.is_alive():
            self._say(f"has not ended within {self._patience:g} s; it may lack the last steps")

    def messages(self) -> list[str]:
        """The new messages about the tracker."""
        return [self._messages.get() for _ in range(self._messages.qsize())]

    def _say(self, text: str) -> None:
        self._messages.put(f"the tracker {self._name} {text}")

    def _work(self) -> None:
        try:
            self._track()
        except BaseException as error:
            absent = missing(self._name) if isinstance(error, ImportError) else None
            first = (str(error).splitlines() or [""])[0]
            why = absent or f"it raised {type(error).__name__}: {first:.300}"
            self._say(f"is disabled: {why}")
        finally:
            self._opened.set()

    def _track(self) -> None:
        path = self._job.folder / f"{self._name}.json"
        mark = _Mark.read(path)
        service = self._opener(replace(self._job, where=mark.where, run=mark.run))
        if (service.where, service.run) != (mark.where, mark.run):
            mark = _Mark(service.where, service.run)
            mark.write(path)
        if service.note:
            self._say(service.note)
        for event in read_events(self._job.folder):
            self._log(service, mark, path, event.kind, event.detail)
        self._opened.set()
        while not isinstance(event := self._events.get(), str):
            self._log(service, mark, path, *event)
        service.end(event)

    def _log(
        self, service: Service, mark: _Mark, path: Path, kind: str, detail: Mapping[str, Any]
    ) -> None:
        numbers = numbers_of(kind, detail)
        if not numbers or detail["step"] <= getattr(mark, kind):
            return
        # Written first: a kill in between loses one point instead of logging it twice.
        replace(mark, **{kind: detail["step"]}).write(path)
        try:
            service.log(detail["step"], numbers)
        except BaseException:
            mark.write(path)
            raise
        setattr(mark, kind, detail["step"])

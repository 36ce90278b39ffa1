"""Tracking: the events of a training are logged to its trackers too, and none can hold it up.

Each tracker has a thread of its own, and between its beginning and its end the training waits for
none. One that raises is reported once, as a notice, and left out from then on.

NAME.json in the job's folder keeps which run it is in the tracker, and how far that was logged. A
training that resumes continues the same run: what the journal has and the tracker lacks is logged
first, and no step twice. Of a step that is done again the first numbers stay in the tracker, and
when a process is killed the step that was just being logged may be missing.
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
    """`emit`, which logs to the order's trackers too: each step and each exam.

    They have ended when the end of a training is told, so that this stays the last word. Each is
    waited for `patience` seconds when it opens, and again when it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder, facts_of(order))
    names = dict.fromkeys(order.config.trackers)
    lanes = [_Lane(name, openers[name], job, patience) for name in names]

    def relay() -> None:
        for lane in lanes:
            for text in lane.said():
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
        # Nothing is said here: after an end nothing may follow, and a failure is told by others.
        _end(lanes, "failed")


def facts_of(order: Order) -> Facts:
    """What a training is, flat: its config with every number settled."""
    config = order.config.model_dump(mode="json", exclude={"method", "trackers"}, exclude_none=True)
    method = order.config.method.model_dump(mode="json")
    found = config | {f"method.{name}": value for name, value in method.items()}
    found |= order.numbers.flat | {"baseline": order.baseline or ""}
    return {k: v if isinstance(v, str | int | float) else json.dumps(v) for k, v in found.items()}


def numbers_of(kind: str, detail: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an event, by the names that charts have. Most kinds have none.

    What a grader could not judge is in no mean, so it is counted beside it.
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
    """How far a run was told. A file that cannot be read is a run that begins."""

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
    """One tracker and its thread, which alone touches the tracker and the mark."""

    def __init__(self, name: str, opener: Opener, job: Job, patience: float) -> None:
        self._name, self._opener, self._job, self._patience = name, opener, job, patience
        self._events: SimpleQueue[tuple[str, Mapping[str, Any]] | How] = SimpleQueue()
        self._says: SimpleQueue[str] = SimpleQueue()
        self._opened = threading.Event()
        self._over = self._waited = False
        # What never comes back must not keep the process.
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)

    def open(self) -> None:
        """Begin, and wait until the run is open: imports in two threads could meet."""
        self._thread.start()
        if not self._opened.wait(self._patience):
            self._say(f"has not opened for {self._patience:g} s; the training goes on meanwhile")

    def put(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Emit the tracker of an event, when it gets to it."""
        if not self._over and self._thread.is_alive():
            self._events.put((kind, detail))

    def end(self, how: How) -> None:
        """Nothing more comes. Of two ends the first one counts."""
        if not self._over:
            self._over = True
            self._events.put(how)

    def wait(self) -> None:
        """Until the tracker has ended, with patience for once."""
        if self._waited or self._thread.ident is None:
            return
        self._waited = True
        self._thread.join(self._patience)
        if self._thread.is_alive():
            self._say(f"has not ended for {self._patience:g} s; it may lack the last steps")

    def said(self) -> list[str]:
        """What there is to tell about the tracker."""
        return [self._says.get() for _ in range(self._says.qsize())]

    def _say(self, text: str) -> None:
        self._says.put(f"the tracker {self._name} {text}")

    def _work(self) -> None:
        try:
            self._track()
        except BaseException as error:
            absent = missing(self._name) if isinstance(error, ImportError) else None
            first = (str(error).splitlines() or [""])[0]
            why = absent or f"it raised {type(error).__name__}: {first:.300}"
            self._say(f"is left out from here on: {why}")
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
        # Noted first: a kill in between costs one point, and not a second one at the same step.
        replace(mark, **{kind: detail["step"]}).write(path)
        try:
            service.log(detail["step"], numbers)
        except BaseException:
            mark.write(path)
            raise
        setattr(mark, kind, detail["step"])

# pyright: standard
"""Progress of long work outside training steps, such as preparation and exams.

Work reports how far it is, gives signs of life, and stops within a second when the job is asked to
pause or cancel. A forward pass or an answer of a judge or of the sandbox is a sign of life. Polling
for the command is not, so that work that hangs is detected.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from flywheel.errors import FlywheelError
from flywheel.jobs.process import Command, Control, Emit
from flywheel.synchronous import Background

T = TypeVar("T")

_POLL_SECONDS = 0.25
REPORT_SECONDS = 5.0
# How long the work may take to end after it was cancelled.
_PATIENCE_SECONDS = 10.0


class Stopped(Exception):
    """The work was cancelled because the job was asked to pause or cancel, see `command`."""

    def __init__(self, command: Command) -> None:
        super().__init__(command)
        self.command: Command = command


class OutOfTime(Exception):
    """The work was cancelled because it exceeded its time limit."""


class Progress:
    """How a job reports and is stopped. The defaults report nothing and never stop."""

    def __init__(
        self,
        emit: Emit = lambda kind, detail: None,
        control: Control = lambda: "go",
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        """`control` counts as a sign of life; its `peek`, where it has one, does not.

        A report within `report_seconds` of the last one is dropped.
        """
        self.emit = emit
        self.control = control
        self._peek: Control = getattr(control, "peek", control)
        self._report_seconds = report_seconds
        self._beaten = self._reported = 0.0

    def beat(self) -> None:
        """Give a sign of life."""
        now = time.monotonic()
        if now - self._beaten >= _POLL_SECONDS:
            self._beaten = now
            # An error of the job's folder is raised where the work waits: in a forward pass it
            # would look like an error of the model.
            with suppress(FlywheelError):
                self.control()

    def check(self) -> None:
        """Raise Stopped if the job was asked to pause or cancel."""
        command = self._peek()
        if command != "go":
            raise Stopped(command)

    def report(self, text: str, *, now: bool = False) -> None:
        """Report what is being done, and how far it is; dropped if the last report is recent.

        Raises Stopped if the job was asked to pause or cancel.
        """
        self.beat()
        at = time.monotonic()
        if now or at - self._reported >= self._report_seconds:
            self._reported = at
            self.emit("progress", {"text": text})
        self.check()

    def wait(self, work: Coroutine[Any, Any, T], until: float | None = None) -> T:
        """Run the coroutine in another thread, and return its result or raise its error.

        Cancels the work and raises Stopped when the job is asked to pause or cancel, or OutOfTime
        at `until` on the monotonic clock.
        """
        background = Background()
        running = background.start(work)
        try:
            while not running.ended(_POLL_SECONDS):
                self.check()
                if until is not None and time.monotonic() >= until:
                    raise OutOfTime
            return running.result()
        except BaseException:
            running.cancel(_PATIENCE_SECONDS)
            raise
        finally:
            # A judge that does not answer must not keep the process from ending.
            background.close(0.0 if not running.ended() else None)

    @contextmanager
    def through(self, model: Any, *, stops: bool = False) -> Generator[None]:
        """Count each forward pass as a sign of life; with `stops`, a pass may raise Stopped."""

        def passed(*_: Any) -> None:
            self.beat()
            if stops:
                self.check()

        # Every forward pass calls the embedding module, even if the model is wrapped.
        hook = model.get_input_embeddings().register_forward_pre_hook(passed)
        try:
            yield
        finally:
            hook.remove()

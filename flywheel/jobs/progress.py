# pyright: standard
"""Progress: what long work owes to whoever waits for it, before the first step and between steps.

It reports how far it is, shows that it is alive, and stops within a second when the job is to pause
or to cancel. A sign of life is something that happened: a pass through the model, an answer of a
judge or of the sandbox. Polling for the command is none, so that work that hangs is seen to hang.
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
# How long the work may take to end once it is asked to.
_PATIENCE_SECONDS = 10.0


class Stopped(Exception):
    """The work was given up, for the job is to pause or to cancel: `command` says which."""

    def __init__(self, command: Command) -> None:
        super().__init__(command)
        self.command: Command = command


class OutOfTime(Exception):
    """The work was given up, for it would take longer than it may."""


class Progress:
    """One job's way to report and to be stopped. Without arguments nobody listens or stops it."""

    def __init__(
        self,
        emit: Emit = lambda kind, detail: None,
        control: Control = lambda: "go",
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        """`control` counts as a sign of life; its `peek`, where it has one, does not.

        Reports that follow one another within `report_seconds` are passed over.
        """
        self.emit = emit
        self.control = control
        self._peek: Control = getattr(control, "peek", control)
        self._report_seconds = report_seconds
        self._beaten = self._reported = 0.0

    def beat(self) -> None:
        """Show a sign of life."""
        now = time.monotonic()
        if now - self._beaten >= _POLL_SECONDS:
            self._beaten = now
            # What is wrong with the job's folder is raised where the work waits, not in a pass
            # through the model, which would pass for a fault of its own.
            with suppress(FlywheelError):
                self.control()

    def check(self) -> None:
        """Raise Stopped when the job is not to go on."""
        command = self._peek()
        if command != "go":
            raise Stopped(command)

    def report(self, text: str, *, now: bool = False) -> None:
        """Say what is being done, and how far it is; passed over when the last one is recent.

        Raises Stopped when the job is not to go on.
        """
        self.beat()
        at = time.monotonic()
        if now or at - self._reported >= self._report_seconds:
            self._reported = at
            self.emit("progress", {"text": text})
        self.check()

    def wait(self, work: Coroutine[Any, Any, T], until: float | None = None) -> T:
        """Do the work in a thread of its own, and give its result or raise what it raises.

        Raises Stopped as soon as the job is to stop, and OutOfTime at `until` on the monotonic
        clock. The work is cancelled then.
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
        """Take each pass through the model as a sign of life; with `stops`, stop at one too."""

        def passed(*_: Any) -> None:
            self.beat()
            if stops:
                self.check()

        # Every pass calls the embedding as a module, whatever wraps the model.
        hook = model.get_input_embeddings().register_forward_pre_hook(passed)
        try:
            yield
        finally:
            hook.remove()

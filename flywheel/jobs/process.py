"""The process of a job: `work` calls the job's function and handles files, signals and errors.

It writes these files in the job's folder:

events.jsonl  one event per line                    heartbeat  touched each second; the last step
stacks.txt    the stacks of all threads, on demand  lock       held as long as the process lives

It reads `control`: "pause" or "cancel", obeyed between steps, and within a second before the first
step and in an exam; SIGTERM means pause. Exit codes:
0 finished, 10 paused, 11 cancelled, 1 failed. SIGUSR1 writes the stacks. A process without progress
for too long writes its stacks and ends itself, so a stalled job ends even if nobody follows it;
a suspended one (SIGSTOP) cannot.
"""

from __future__ import annotations

import errno
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from flywheel.errors import FlywheelError, is_out_of_memory
from flywheel.extras import missing_extra
from flywheel.files import write_whole
from flywheel.jobs.folder import CONTROL, HEARTBEAT, LOG, STACKS, resume_command, store_of
from flywheel.jobs.queue import Turn, is_queued
from flywheel.jobs.records.journal import Event, Journal, holds_lock, take_lock, write_holder

Emit = Callable[[str, Mapping[str, Any]], None]
Command = Literal["go", "pause", "cancel"]
Ended = Literal["finished", "paused", "cancelled"]
Control = Callable[[], Command]
Run = Callable[[Path, Emit, Control], object]

_MEMORY_REMEDY = "free some memory, then resume the job"
EXIT_CODES = {"finished": 0, "failed": 1, "paused": 10, "cancelled": 11}
ENDINGS: Mapping[Command, Ended] = {"go": "finished", "pause": "paused", "cancel": "cancelled"}
STALL_SECONDS = "FLYWHEEL_STALL_SECONDS"
# A follower kills a stalled job earlier and reports more; this is for a job without a follower.
_GRACE = 1.2, 5.0
_QUEUE_SECONDS = 0.5


class FolderGone(FlywheelError):
    """The folder of a job was moved or removed while its process was running."""


class StoreGone(FlywheelError):
    """The store of a queued job was moved or removed before the job started."""


class Pulse:
    """Writes the heartbeat: that the process lives, and when it last made progress.

    A thread touches the file even if the work is stuck. Its content is the step, and the time at
    which the work last emitted an event or asked for the command.
    """

    def __init__(self, folder: Path, limit: float | None, stacks: TextIO) -> None:
        self._path = folder / HEARTBEAT
        self._limit, self._stacks = limit, stacks
        self._step: int | None = None
        self._at, self._armed = time.time(), 0.0
        self._over = threading.Event()
        self.progress()
        self._write()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def progress(self, step: int | None = None) -> None:
        """Record progress."""
        self._step = self._step if step is None else step
        self._at = time.time()
        if self._limit is not None and self._at - self._armed >= min(1.0, self._limit / 10):
            self._armed = self._at
            wait = self._limit * _GRACE[0] + _GRACE[1]
            # faulthandler's thread does not need the GIL, so it also ends a stuck extension.
            faulthandler.dump_traceback_later(wait, exit=True, file=self._stacks)

    def stop(self) -> None:
        """Stop the heartbeat."""
        faulthandler.cancel_dump_traceback_later()
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(1):
            # If the disk is full, the trainer's own writes report it.
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        at = datetime.fromtimestamp(self._at, UTC).isoformat(timespec="milliseconds")
        status = json.dumps({"pid": os.getpid(), "step": self._step, "at": at})
        write_whole(self._path, status + "\n", durable=False)


def work(
    folder: Path, run: Run, descriptor: int | None = None, memory_remedy: str = _MEMORY_REMEDY
) -> int:
    """Do the job of a folder with `run`, and return the exit code. No other process may run it.

    A queued job first waits for its resources, then emits `claimed`. `run` emits events and asks
    `control` for the command between steps; both count as progress, and `control.peek` does not.
    On pause or cancel it saves a checkpoint if one is wanted, and returns. `memory_remedy` tells
    the user what to do when memory runs out.
    """
    descriptor = take_lock(folder) if descriptor is None else descriptor
    if descriptor is None:
        sys.stderr.write(f"Error: {folder}: another process runs this job\n")
        return EXIT_CODES["failed"]
    # Child processes may outlive this one and must not inherit its lock.
    os.set_inheritable(descriptor, False)
    write_holder(descriptor)
    with (folder / STACKS).open("a", encoding="utf-8") as stacks:
        faulthandler.enable(stacks)
        faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
        limit = float(os.environ.get(STALL_SECONDS) or 0) or None
        pulse, journal = Pulse(folder, limit, stacks), Journal(folder)
        try:
            return _Process(folder, descriptor, journal, pulse).work(run, memory_remedy)
        finally:
            pulse.stop()
            journal.close()
            faulthandler.unregister(signal.SIGUSR1)
            faulthandler.disable()


class _Process:
    """The process as the job's function sees it: `emit` an event, or call it to get the command.

    A call counts as progress; `peek` does not.
    """

    def __init__(self, folder: Path, lock: int, journal: Journal, pulse: Pulse) -> None:
        self._folder, self._lock = folder, lock
        self._journal, self._pulse = journal, pulse
        self._last: Event | None = None
        self._terminated = threading.Event()
        self._command: Command = "go"

    def work(self, run: Run, memory_remedy: str) -> int:
        signal.signal(signal.SIGTERM, lambda number, frame: self._terminated.set())
        try:
            if self._has_its_turn():
                run(self._folder, self.emit, self)
            if self._ending is None:
                self.emit(ENDINGS[self._command], {})
        except BaseException as error:
            traceback.print_exc()
            if self._ending is None:
                text, remedy = explain(error, self._folder, memory_remedy)
                with suppress(OSError):
                    self.emit("failed", {"error": text, "remedy": remedy})
                return EXIT_CODES["failed"]
        return EXIT_CODES[self._ending or "failed"]

    def _has_its_turn(self) -> bool:
        """Wait in the queue, if the job is in it. False if it was asked to stop meanwhile."""
        if not is_queued(self._folder):
            return True
        since, store = time.monotonic(), store_of(self._folder.absolute())
        had_store = store is not None and store.exists()
        turn = Turn(self._folder)
        while self() == "go":
            if had_store and store is not None and not store.exists():
                raise StoreGone(
                    f"the store {store} is gone, so the queued job does not start; put it back"
                )
            if turn.try_claim():
                self.emit("claimed", {"seconds": round(time.monotonic() - since, 3)})
                return True
            time.sleep(_QUEUE_SECONDS)
        return False

    @property
    def _ending(self) -> str | None:
        """How the work ended, from its last event; None if that is not a final one."""
        return self._last.kind if self._last and self._last.kind in EXIT_CODES else None

    def emit(self, kind: str, detail: Mapping[str, Any]) -> None:
        step = detail.get("step")
        self._pulse.progress(step if kind == "step" and isinstance(step, int) else None)
        self._last = self._journal.append(kind, detail)

    def __call__(self) -> Command:
        self._pulse.progress()
        return self.peek()

    def peek(self) -> Command:
        if not holds_lock(self._folder, self._lock):
            raise FolderGone(f"{self._folder} was moved or removed, so the job stops")
        self._command = "pause" if self._terminated.is_set() else read_command(self._folder)
        return self._command


def read_command(folder: Path) -> Command:
    """The last command to the job; "go" if there was none."""
    try:
        text = (folder / CONTROL).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "go"
    return "pause" if text == "pause" else "cancel" if text == "cancel" else "go"


def explain(
    error: BaseException, folder: Path, memory_remedy: str = _MEMORY_REMEDY
) -> tuple[str, str]:
    """One line about what went wrong, and one about what to do."""
    again = resume_command(folder)
    first = next((line for line in str(error).splitlines() if line.strip()), "").strip()
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    if isinstance(error, FlywheelError):
        return str(error), f"fix that, then: {again}"
    if line := missing_extra(error):
        return line, f"install it, then: {again}"
    if is_out_of_memory(error):
        return text, memory_remedy
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return text, f"free some space; the last checkpoint is kept; then: {again}"
    return text, f"see {folder / LOG}; then: {again}"

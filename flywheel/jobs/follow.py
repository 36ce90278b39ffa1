"""Follow a job: what it says as it says it, until its process is gone, and watch that it moves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from flywheel.files import NotRegular, open_regular
from flywheel.jobs.folder import HEARTBEAT
from flywheel.jobs.outcomes import end_stalled, settle
from flywheel.jobs.records.journal import EVENTS, Event, is_held, read_line

_POLL_SECONDS = 0.2


class Tail:
    """Reads the whole lines that were added to a job's events.

    A half-written line is waited for. A damaged one is skipped once a good one follows it: until
    then it may be what a power cut left, which the next process cuts off and writes over.
    """

    def __init__(self, folder: Path, after: int = 0) -> None:
        self._path = folder / EVENTS
        self._offset, self._n = 0, after

    def read(self) -> list[Event]:
        """The events since the last time, each once, in their order."""
        try:
            with open_regular(self._path) as file:
                file.seek(self._offset)
                data = file.read()
        except (FileNotFoundError, NotRegular):
            return []
        found: list[Event] = []
        whole = data[: data.rfind(b"\n") + 1]
        end = self._offset
        for line in whole.splitlines(keepends=True):
            end += len(line)
            event = read_line(line)
            if event is None:
                continue
            self._offset = end
            if event.n > self._n:
                self._n = event.n
                found.append(event)
        return found


class Watch:
    """Tells for how long nothing has happened in a job.

    The time is this process's own and stands still while the machine sleeps.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / HEARTBEAT
        self._seen, self._since = "", time.monotonic()

    def quiet(self) -> float:
        """The seconds since the job was last seen to move."""
        try:
            now = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            now = ""
        if now != self._seen:
            self._seen, self._since = now, time.monotonic()
        return time.monotonic() - self._since


def follow(
    folder: Path,
    stall: float | None = 600.0,
    process: subprocess.Popen[bytes] | None = None,
    after: int = 0,
) -> Iterator[list[Event]]:
    """New events, a list every fifth of a second (an empty one too), until the job is at rest.

    The last event of the last list says how it ended. A job in which nothing happens for `stall`
    seconds is ended. `process` is the job's, where it was started here; `after` is the number of
    the last event that is known already.
    """
    tail, watch = Tail(folder, after), Watch(folder)
    while True:
        returncode = process.poll() if process else None
        # Asked before reading, so that a last word is not missed.
        lives = is_held(folder)
        yield tail.read()
        if not lives:
            settle(folder, returncode if process is None else process.wait())
            yield tail.read()
            return
        quiet = watch.quiet()
        if stall is not None and quiet > stall:
            end_stalled(folder, quiet, process.pid if process else None)
        time.sleep(_POLL_SECONDS)

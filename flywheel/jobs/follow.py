"""Follow a job: read its events as they arrive until its process ends, and detect a stall."""

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
    """Reads the complete lines that were appended to a job's events.

    An incomplete line is read again later. A damaged one is skipped once a valid line follows:
    until then it may be the result of a power cut, and the next process overwrites it.
    """

    def __init__(self, folder: Path, after: int = 0) -> None:
        self._path = folder / EVENTS
        self._offset, self._n = 0, after

    def read(self) -> list[Event]:
        """The events since the last call, each once, in order."""
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
    """Measures for how long nothing has happened in a job.

    The clock is this process's own and does not advance while the machine sleeps.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / HEARTBEAT
        self._seen, self._since = "", time.monotonic()

    def quiet(self) -> float:
        """Seconds since the last progress of the job."""
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
    """A list of new events every fifth of a second, which may be empty, until the job stops.

    The last event of the last list says how it ended. A job without progress for `stall` seconds
    is killed. `process` is the job's, if it was started here; events up to number `after` are
    skipped.
    """
    tail, watch = Tail(folder, after), Watch(folder)
    while True:
        returncode = process.poll() if process else None
        # Checked before reading, so that the final event is not missed.
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

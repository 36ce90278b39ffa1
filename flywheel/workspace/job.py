"""A job as a handle: waited for, paused, cancelled, and read. Its work is a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from flywheel.errors import JobFailed
from flywheel.jobs.control import ask
from flywheel.jobs.follow import follow
from flywheel.jobs.records.job_state import View, view
from flywheel.jobs.records.journal import Event
from flywheel.jobs.submit import Launch, resume
from flywheel.levers.kinds import KINDS
from flywheel.states import State
from flywheel.visible import one_line


class Job:
    """A job. It goes on when this process ends, and is found again by its name."""

    def __init__(
        self,
        folder: Path,
        process: subprocess.Popen[bytes] | None = None,
        tell: Callable[[], object] = lambda: None,
    ) -> None:
        """`tell` brings the store up to date with the job's folder."""
        self.folder, self.process, self._tell = folder, process, tell

    @property
    def name(self) -> str:
        """The job's name."""
        return self.folder.name

    @property
    def view(self) -> View:
        """Steps, exams, checkpoints and alarms so far."""
        return view(self.folder)

    @property
    def status(self) -> str:
        """What it does now, or how it ended."""
        return self.view.status

    @property
    def state(self) -> State | None:
        """Where it stands, in the words that runs and jobs share."""
        return self.view.state

    @property
    def model(self) -> str:
        """The folder of the trained model. Raises JobFailed while there is none."""
        found = self.view
        self._check_finished(found)
        return str(found.end["out"])

    def events(self, after: int = 0) -> Iterator[Event]:
        """Its events after this number, as they come, until it is at rest."""
        for events in follow(self.folder, process=self.process, after=after):
            yield from events

    def wait(self) -> Job:
        """Wait until it is at rest. Raises JobFailed unless it finished.

        An interrupt asks it to pause: `flywheel job NAME --resume` does what is left.
        """
        try:
            for _ in self.events():
                pass
        except KeyboardInterrupt:
            ask(self.folder, "pause")
            raise
        finally:
            self._tell()
        self._check_finished(self.view)
        return self

    def _check_finished(self, found: View) -> None:
        if found.status != "finished" or not found.end.get("out"):
            story = found.end.get("error") or found.status
            raise JobFailed(f"{self.name} has no model: {story}; see flywheel job {self.name}")

    def resume(self, launch: Launch | None = None) -> Job:
        """Go on from its last checkpoint. Raises WrongMoment while it runs or when it has ended."""
        self.process = resume(self.folder, KINDS, launch or Launch()).process
        return self

    def pause(self) -> None:
        """Ask it to keep a checkpoint and to stop. Raises WrongMoment when it does not run."""
        ask(self.folder, "pause")

    def cancel(self) -> None:
        """Ask it to stop for good. Raises WrongMoment when it has ended."""
        ask(self.folder, "cancel")

    def __str__(self) -> str:
        found = self.view
        of = f" of {found.total}" if found.total else ""
        row = found.row
        what = f"{row.lever} of {one_line(row.model)} on {one_line(row.evalset)}"
        return f"{self.name}: {what}; {found.status}, step {found.step}{of}"

    __repr__ = __str__

"""The handle of a job: wait for it, pause it, cancel it, read it. It runs in its own process."""

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
    """A job. It continues when this process ends, and can be opened again by its name."""

    def __init__(
        self,
        folder: Path,
        process: subprocess.Popen[bytes] | None = None,
        update: Callable[[], object] = lambda: None,
    ) -> None:
        """`update` brings the store up to date with the job's folder."""
        self.folder, self.process, self._update = folder, process, update

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
        """What it is doing, or how it ended."""
        return self.view.status

    @property
    def state(self) -> State | None:
        """Its state, in the vocabulary that runs and jobs share."""
        return self.view.state

    @property
    def model(self) -> str:
        """The folder of the trained model. Raises JobFailed if there is none yet."""
        found = self.view
        self._check_finished(found)
        return str(found.end["out"])

    def events(self, after: int = 0) -> Iterator[Event]:
        """Its events after this number, as they arrive, until it stops."""
        for events in follow(self.folder, process=self.process, after=after):
            yield from events

    def wait(self) -> Job:
        """Wait until it stops. Raises JobFailed unless it finished.

        An interrupt asks it to pause; `flywheel job NAME --resume` continues it.
        """
        try:
            for _ in self.events():
                pass
        except KeyboardInterrupt:
            ask(self.folder, "pause")
            raise
        finally:
            self._update()
        self._check_finished(self.view)
        return self

    def _check_finished(self, found: View) -> None:
        if found.status != "finished" or not found.end.get("out"):
            story = found.end.get("error") or found.status
            raise JobFailed(f"{self.name} has no model: {story}; see flywheel job {self.name}")

    def resume(self, launch: Launch | None = None) -> Job:
        """Resume from its last checkpoint. Raises WrongMoment if it is running or has ended."""
        self.process = resume(self.folder, KINDS, launch or Launch()).process
        return self

    def pause(self) -> None:
        """Ask it to save a checkpoint and stop. Raises WrongMoment when it is not running."""
        ask(self.folder, "pause")

    def cancel(self) -> None:
        """Ask it to stop; it cannot be resumed. Raises WrongMoment when it has ended."""
        ask(self.folder, "cancel")

    def __str__(self) -> str:
        found = self.view
        of = f" of {found.total}" if found.total else ""
        row = found.row
        what = f"{row.lever} of {one_line(row.model)} on {one_line(row.evalset)}"
        return f"{self.name}: {what}; {found.status}, step {found.step}{of}"

    __repr__ = __str__

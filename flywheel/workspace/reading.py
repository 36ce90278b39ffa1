"""The reads of a workspace, which work the same in the store's owner and in other processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from flywheel.errors import BadOption
from flywheel.evals.decision.compare import Comparison, compare
from flywheel.evals.decision.sample_size import Forecast, Wish, forecast
from flywheel.evals.evalset.evalset import Evalset as Loaded
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.results.results import the_run
from flywheel.jobs.folder import job_folders, jobs_root
from flywheel.store.events import START, Cursor, Event, events_since
from flywheel.store.read_server import RemoteReader
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import list_runs
from flywheel.workspace.comparison import Compared
from flywheel.workspace.evalset import Evalset
from flywheel.workspace.job import Job
from flywheel.workspace.jobs import open_job
from flywheel.workspace.options import Count, typed
from flywheel.workspace.run import Run

AnyEvalset = str | Path | Evalset | Loaded
AnyRun = str | Run


class Reading:
    """The reads of a workspace. A context manager."""

    def __init__(self, path: Path, store: Reader) -> None:
        self.path, self._reader = path, store
        # The folders of evalsets that are made in Python.
        self._made = path.absolute().parent / ".flywheel" / "evalsets"

    def close(self) -> None:
        """Close the store."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def evalset(self, evalset: AnyEvalset) -> Loaded:
        """The evalset of this name or folder, or made in Python. Raises NoEvalset, BadFile."""
        if isinstance(evalset, Loaded):
            return evalset
        if isinstance(evalset, Evalset):
            return evalset.load(self._made)
        if not isinstance(evalset, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadOption(
                "an evalset is a name, a folder or fw.Evalset(items=..., prompt=..., graders=...),"
                f" got {evalset!r:.80}"
            )
        return load_evalset(str(evalset))

    def run(self, name: AnyRun) -> Run:
        """The run of this name, a unique prefix of it, `latest` or `latest~1`. Raises NoRun."""
        return Run(self._reader, the_run(self._reader, name_of(name)))

    @typed
    def runs(self, evalset: str | None = None, most: Count = 20) -> list[Run]:
        """The newest runs first, of one evalset or of all."""
        return [self.run(str(row["run"])) for row in list_runs(self._reader, most, evalset)]

    def compare(self, baseline: AnyRun, *candidates: AnyRun) -> Compared:
        """Compare runs item by item. A look at the sealed test split is recorded."""
        found = compare(self._reader, name_of(baseline), [name_of(one) for one in candidates])
        if found.baseline.split == "test":
            self._note_look(found)
        return Compared(found, self._reader)

    def _note_look(self, comparison: Comparison) -> None:
        """Record a look at the sealed test split."""
        raise NotImplementedError

    @typed
    def jobs(self, most: Count = 20) -> list[Job]:
        """The newest jobs first, including those that are only in the store."""
        folders = job_folders(jobs_root(self.path))[:most]
        return [Job(folder) for folder in folders]

    @typed
    def job(self, name: str) -> Job:
        """The job of this name, a unique prefix of it, or `latest`. Raises NoJob."""
        return open_job(self.path, name)

    @typed
    def events(self, since: str = str(START), most: Count = 1000) -> tuple[list[Event], str]:
        """The events of runs and jobs after a cursor, and the next cursor."""
        found, cursor = events_since(self._reader, Cursor.parse(since), most)
        return found, str(cursor)

    @typed
    def forecast(self, evalset: AnyEvalset, wish: Wish, like: Sequence[AnyRun] = ()) -> Forecast:
        """How many items a gain takes, from the spread of the runs of `like`."""
        names = [name_of(run) for run in like]
        return forecast(self.evalset(evalset), wish, self._reader, names)


class Remote(Reading):
    """A workspace whose store another process owns, for reading and for cancelling runs.

    The owner also records looks at the test split.
    """

    def __init__(self, path: Path) -> None:
        reader = RemoteReader(path)
        super().__init__(path, reader)
        self._owner = reader

    def cancel(self, run: AnyRun) -> bool:
        """Stop a run that the owner measures; False if it measures no run of this name."""
        return self._owner.cancel(name_of(run))

    def _note_look(self, comparison: Comparison) -> None:
        candidates = (one.run.run for one in comparison.candidates)
        self._owner.note_look([comparison.baseline.run, *candidates])


def name_of(run: AnyRun) -> str:
    """The name of a run, from its name or its handle. Raises BadOption."""
    if not isinstance(run, str | Run):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadOption(f"wanted a run or its name, got {run!r:.80}")
    return run.name if isinstance(run, Run) else run

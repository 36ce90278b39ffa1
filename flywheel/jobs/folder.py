"""A job's folder: its path, its name, its files, and the job's row in the store.

`flywheel.jobs.process` describes the files.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from flywheel.document import read_text
from flywheel.errors import BadFile, NoJob, unnamed
from flywheel.jobs.records.journal import read_events
from flywheel.store.place import DEFAULT_STORE, db_option
from flywheel.store.tables.jobs import JobRow

_JOBS = ".jobs"
_LATEST = re.compile(r"latest(?:~(\d{1,6}))?")
ORDER = "order.json"
CONTROL, HEARTBEAT, STACKS, LOG = "control", "heartbeat", "stacks.txt", "log.txt"
CHECKPOINTS = "checkpoints"
_UNKNOWN = datetime(1970, 1, 1)


def jobs_root(db: Path) -> Path:
    """The folder of a store's jobs. Each store has its own, even in the same folder."""
    place = db.absolute().parent / ".flywheel"
    return place / ("jobs" if db.name == DEFAULT_STORE else db.name + _JOBS)


def resume_command(folder: Path) -> str:
    """The command that resumes this job from the working directory."""
    return f"flywheel job {folder.name} --resume{db_option(store_of(folder.absolute()))}"


def store_of(folder: Path) -> Path | None:
    """The store that a job's folder belongs to; None if it belongs to none."""
    root = folder.parent
    if root.parent.name != ".flywheel":
        return None
    name = DEFAULT_STORE if root.name == "jobs" else root.name.removesuffix(_JOBS)
    return root.parent.parent / name


def new_name() -> str:
    """A name for a job: the time, and four random hex digits to keep it unique."""
    return f"job-{datetime.now(UTC):%y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def job_folders(root: Path) -> list[Path]:
    """The folders of all accepted jobs, the newest first."""
    return sorted((path.parent for path in root.glob(f"*/{ORDER}")), reverse=True)


def find_job(root: Path, name: str) -> Path:
    """The folder of the job of this name or unique prefix. Raises NoJob.

    `latest` is the newest one, `latest~1` the one before it.
    """
    return root / match_job(name, [folder.name for folder in job_folders(root)], root)


def match_job(name: str, names: Sequence[str], where: Path) -> str:
    """The one of these names that `name` refers to; the newest is first. Raises NoJob."""
    if name in names:
        return name
    if back := _LATEST.fullmatch(name):
        fitting = names[int(back[1] or 0) :][:1]
    else:
        fitting = [one for one in names if name and one.startswith(name)]
    if len(fitting) != 1:
        listed = f"in {where}; flywheel jobs lists them"
        raise NoJob(unnamed("job", name, fitting, listed, names))
    return fitting[0]


def damaged_row(folder: Path) -> JobRow:
    """A row for a job whose order cannot be read; only its name is known."""
    return JobRow(
        job=folder.name,
        created=_UNKNOWN,
        lever="-",
        evalset="-",
        model="-",
        order="{}",
        folder=str(folder),
        baseline=None,
    )


def read_row(folder: Path) -> JobRow:
    """The job's row in the store. Raises BadFile if its order cannot be read."""
    path = folder / ORDER
    text = read_text(path, regular=True)
    try:
        order = cast("dict[str, Any]", json.loads(text))
        config = order["config"]
        named = str(config["lever"]), str(config["evalset"]), str(config["model"])
        if not isinstance(order.get("numbers", {}), dict):
            raise TypeError("numbers")
        if not isinstance(order.get("baseline"), str | None):
            raise TypeError("baseline")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFile(f"{path}: no order of a job ({error!r}); remove {folder}") from None
    first = next(read_events(folder), None)
    lever, evalset, model = named
    return JobRow(
        job=folder.name,
        created=first.moment if first else _UNKNOWN,
        lever=lever,
        evalset=Path(evalset).name,
        model=model,
        order=json.dumps(order),
        folder=str(folder),
        baseline=order.get("baseline"),
    )

"""Where the jobs of a store are, and the command that resumes one from the working directory."""

from __future__ import annotations

from pathlib import Path

from flywheel.store.place import DEFAULT_STORE, db_option

_JOBS = ".jobs"


def jobs_root(db: Path) -> Path:
    """The folder of the jobs that belong to a store; two stores in one folder share none."""
    place = db.absolute().parent / ".flywheel"
    return place / ("jobs" if db.name == DEFAULT_STORE else db.name + _JOBS)


def resume_command(folder: Path) -> str:
    """What to type to resume the job of this folder from the working directory."""
    return f"flywheel job {folder.name} --resume{db_option(store_of(folder.absolute()))}"


def store_of(folder: Path) -> Path | None:
    """The store of a job's folder; None for a folder that is elsewhere."""
    root = folder.parent
    if root.parent.name != ".flywheel":
        return None
    name = DEFAULT_STORE if root.name == "jobs" else root.name.removesuffix(_JOBS)
    return root.parent.parent / name

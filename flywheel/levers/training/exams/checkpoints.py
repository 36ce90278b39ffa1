"""Checkpoints of a training: written whole or not at all, and only the ones worth keeping stay.

The trainer writes into `checkpoints/.writing`; what is complete there is put on the disk and then
renamed to `step-000120`. So a kill or a full disk leaves the last good one as it was.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel.errors import FlywheelError
from flywheel.files import install

_NAME = re.compile(r"step-(\d+)")
_METRICS = "metrics.json"
_SIZES = "sizes"  # of the files of a checkpoint, by name
# What a training needs to go on, and a sampler does not.
_TRAINERS_OWN = ("optimizer.pt", "scheduler.pt", "trainer_state.json", "training_args.bin")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The last is torch's archive writer, whose file is shorter than what it wrote.
_FULL_WORDS = (
    "No space left",
    "File too large",
    "Disk quota",
    "failed writing file",
    "unexpected pos",
)


class DiskFull(FlywheelError):
    """A checkpoint could not be written."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One folder of them. `metrics` is what was measured up to it."""

    step: int
    path: Path

    @property
    def metrics(self) -> dict[str, Any]:
        """What `keep` was given."""
        try:
            return json.loads((self.path / _METRICS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def is_complete(self) -> bool:
        """Whether every file that was kept is there, at its full length."""
        metrics = self.metrics
        if not metrics:
            return False
        sizes: dict[str, int] = metrics.get(_SIZES, {})
        return sizes == {name: _size(self.path / name) for name in sizes}


def writing(folder: Path) -> Path:
    """Where the trainer writes. What lies there when nobody writes is a half."""
    return folder / "checkpoints" / ".writing"


def found(folder: Path) -> list[Checkpoint]:
    """The complete ones of a job's folder, by step."""
    return [one for one in _all(folder) if one.is_complete()]


def incomplete(folder: Path) -> list[Checkpoint]:
    """Those from which nothing can go on: empty, cut short, or with a file missing."""
    return [one for one in _all(folder) if not one.is_complete()]


def _all(folder: Path) -> list[Checkpoint]:
    names = [(path, _NAME.fullmatch(path.name)) for path in (folder / "checkpoints").glob("step-*")]
    return sorted(
        (Checkpoint(int(name[1]), path) for path, name in names if name), key=lambda c: c.step
    )


def newest(folder: Path) -> Checkpoint | None:
    """The one to go on from. Halves are removed."""
    shutil.rmtree(writing(folder), ignore_errors=True)
    complete = found(folder)
    return complete[-1] if complete else None


def keep(folder: Path, step: int, metrics: Mapping[str, Any]) -> Checkpoint:
    """Make what the trainer has just written at this step a checkpoint. Raises OSError."""
    half = writing(folder) / f"checkpoint-{step}"
    # A frozen copy of the adapter that some objectives compare with; it is made anew from the base.
    shutil.rmtree(half / "ref", ignore_errors=True)
    sizes = {path.name: _size(path) for path in half.iterdir() if path.is_file()}
    (half / _METRICS).write_text(json.dumps({**metrics, _SIZES: sizes}), encoding="utf-8")
    whole = folder / "checkpoints" / f"step-{step:06d}"
    install(half, whole, over_folder=True)
    return Checkpoint(step, whole)


def prune(folder: Path, stay: set[int]) -> None:
    """Remove the checkpoints of all other steps."""
    for one in found(folder):
        if one.step not in stay:
            shutil.rmtree(one.path)


def copy_model(source: Path, target: Path) -> None:
    """Copy what a sampler loads, without what only a training needs; whole or not at all."""
    half = target.with_name(f".{target.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for path in source.iterdir():
        own = path.name in _TRAINERS_OWN or path.name.startswith("rng_state")
        if path.is_file() and not own and path.name != _METRICS:
            shutil.copyfile(path, half / path.name)
    install(half, target, over_folder=True)


def is_full_disk(error: BaseException) -> bool:
    """Whether it says that the disk took no more, in the words of any of the writers.

    A writer may fail once more while it tidies up, so what it was doing then is looked at too.
    """
    known: BaseException | None = error
    while known is not None:
        if isinstance(known, OSError) and known.errno in _FULL:
            return True
        if any(word in str(known) for word in _FULL_WORDS):
            return True
        known = known.__cause__ or known.__context__
    return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def full_disk(folder: Path, error: BaseException) -> DiskFull:
    """The error to tell. The half is removed, which may make room for a log."""
    last = newest(folder)
    kept = f"the checkpoint of step {last.step} is kept" if last else "there was none before it"
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DiskFull(
        f"{folder}: the disk is full, so a checkpoint could not be written ({first:.120}); {kept}."
        " Free some space, then resume"
    )

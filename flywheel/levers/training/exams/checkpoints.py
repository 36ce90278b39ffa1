"""Checkpoints of a training: written atomically, and pruned.

The trainer writes into `checkpoints/.writing`; a complete checkpoint is synced and then renamed to
`step-000120`. A kill or a full disk therefore leaves the previous one intact.
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
# Files that a training needs to resume, and a sampler does not need.
_TRAINERS_OWN = ("optimizer.pt", "scheduler.pt", "trainer_state.json", "training_args.bin")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The last two come from safetensors and torch's archive writer.
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
    """One checkpoint's step and folder."""

    step: int
    path: Path

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics given to `keep`; empty if they cannot be read."""
        try:
            return json.loads((self.path / _METRICS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def is_complete(self) -> bool:
        """Whether every file exists at its full length."""
        metrics = self.metrics
        if not metrics:
            return False
        sizes: dict[str, int] = metrics.get(_SIZES, {})
        return sizes == {name: _size(self.path / name) for name in sizes}


def writing_folder(folder: Path) -> Path:
    """Where the trainer writes. Leftovers there are incomplete."""
    return folder / "checkpoints" / ".writing"


def complete(folder: Path) -> list[Checkpoint]:
    """The complete checkpoints of a job's folder, by step."""
    return [one for one in _all(folder) if one.is_complete()]


def incomplete(folder: Path) -> list[Checkpoint]:
    """The checkpoints that cannot be resumed from: empty, truncated, or with a missing file."""
    return [one for one in _all(folder) if not one.is_complete()]


def _all(folder: Path) -> list[Checkpoint]:
    names = [(path, _NAME.fullmatch(path.name)) for path in (folder / "checkpoints").glob("step-*")]
    return sorted(
        (Checkpoint(int(name[1]), path) for path, name in names if name), key=lambda c: c.step
    )


def newest(folder: Path) -> Checkpoint | None:
    """The checkpoint to resume from. Removes leftovers in the writing folder."""
    shutil.rmtree(writing_folder(folder), ignore_errors=True)
    usable = complete(folder)
    return usable[-1] if usable else None


def keep(folder: Path, step: int, metrics: Mapping[str, Any]) -> Checkpoint:
    """Install what the trainer has just written at this step as a checkpoint. Raises OSError."""
    written = writing_folder(folder) / f"checkpoint-{step}"
    # The frozen reference adapter of some objectives; a resumed training recreates it.
    shutil.rmtree(written / "ref", ignore_errors=True)
    sizes = {path.name: _size(path) for path in written.iterdir() if path.is_file()}
    (written / _METRICS).write_text(json.dumps({**metrics, _SIZES: sizes}), encoding="utf-8")
    target = folder / "checkpoints" / f"step-{step:06d}"
    install(written, target, over_folder=True)
    return Checkpoint(step, target)


def prune(folder: Path, steps: set[int]) -> None:
    """Remove the checkpoints of all steps except these."""
    for one in complete(folder):
        if one.step not in steps:
            shutil.rmtree(one.path)


def copy_model(source: Path, target: Path) -> None:
    """Copy the files that a sampler loads, atomically."""
    partial = target.with_name(f".{target.name}.half")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for path in source.iterdir():
        own = path.name in _TRAINERS_OWN or path.name.startswith("rng_state")
        if path.is_file() and not own and path.name != _METRICS:
            shutil.copyfile(path, partial / path.name)
    install(partial, target, over_folder=True)


def is_full_disk(error: BaseException) -> bool:
    """Whether an error means that the disk is full, in the words of any of the writers.

    A writer may fail again during cleanup, so causes and contexts are checked too.
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
    """The error for the user. Removes the incomplete checkpoint, which may make room for a log."""
    last = newest(folder)
    kept = f"the checkpoint of step {last.step} is kept" if last else "there is no earlier one"
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DiskFull(
        f"{folder}: the disk is full, so a checkpoint could not be written ({first:.120}); {kept}."
        " Free some space, then resume"
    )

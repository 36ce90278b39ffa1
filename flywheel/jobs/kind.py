"""A kind of job: the process that does its work, and how its order is read.

A job's folder names its kind. The caller's table maps the name to a command, never the folder: a
folder from an untrusted source can name only work that this program knows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flywheel.errors import FlywheelError
from flywheel.jobs.queue import Resources
from flywheel.jobs.records.journal import read_events

# Jobs of the first edition have no kind; they are all trainings.
_UNNAMED = "training"


class Order(Protocol):
    """Everything that determines what a job does, with all defaults resolved."""

    @property
    def digest(self) -> str:
        """The digest of what `save` writes."""
        ...

    def save(self, folder: Path) -> None:
        """Write the order into the job's folder."""
        ...

    def check_unchanged(self) -> None:
        """Raise a FlywheelError if something that the order depends on has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job. `load` reads the order in a job's folder, and raises a FlywheelError.

    `command` gets the folder and the number of the descriptor that holds its lock. `resources`
    returns what a job needs, and how many jobs may share each resource.
    """

    name: str
    command: Sequence[str]
    load: Callable[[Path], Order]
    resources: Callable[[], Resources] = dict


Kinds = Mapping[str, Kind]


class UnknownKind(FlywheelError):
    """A job's folder names a kind that this program does not know."""


def module_command(module: str) -> Sequence[str]:
    """The command that runs a module. The user's working directory cannot replace it (-P)."""
    return (sys.executable, "-P", "-m", module)


def kind_of(folder: Path, kinds: Kinds) -> Kind:
    """The kind of the job in a folder. Raises UnknownKind when it is not one of `kinds`."""
    first = next(read_events(folder), None)
    name = first.detail.get("work", _UNNAMED) if first else _UNNAMED
    if not isinstance(name, str) or name not in kinds:
        raise UnknownKind(
            f"{folder.name} is a job of kind {name!r:.40}; this version runs"
            f" {', '.join(kinds)}; upgrade with `pip install -U flywheel`, or remove {folder}"
        )
    return kinds[name]

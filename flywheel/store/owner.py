"""Who owns a store: a small file beside it, held by a lock that dies with its process.

DuckDB refuses a second process, even one that only reads. So the owner says where it can be found:
`find_owner` gives its pid, and its URL where it serves one, and a command can go through HTTP. The
lock dies with its process, so what a killed process left is simply taken over.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from flywheel.files import lock_file
from flywheel.store.errors import StoreFailed, StoreInUse, denied

_PATIENCE = 1.0  # seconds; somebody may just be looking, or just be writing who they are
_held: set[int] = set()


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a store. `url` is None where it serves none."""

    pid: int
    url: str | None
    started: str


class Ownership:
    """The lock, held from `own` until `give_up` or the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def give_up(self) -> None:
        """Remove the file and let the lock go. A second call does nothing."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.give_up()


def real_path(path: Path) -> Path:
    """The file that a path names, through links: its log and its owner's file are beside it.

    A path that is no link stays as given. Raises StoreFailed for links that lead in a circle.
    """
    try:
        return path.resolve() if path.is_symlink() else path
    except RuntimeError:
        raise StoreFailed(f"{path}: its symbolic links lead in a circle; mend them") from None
    except OSError as error:
        raise denied(path, error) from None


def owner_path(path: Path) -> Path:
    """Where the owner of a store writes who it is: beside the file, whatever link names it."""
    path = real_path(path)
    return path.with_name(path.name + ".owner")


def own(path: Path, url: str | None = None) -> Ownership:
    """Become the owner. Raises StoreInUse when a living process is, StoreFailed when not allowed.

    The same process cannot own a store twice either.
    """
    place, deadline = owner_path(path), time.monotonic() + _PATIENCE
    while True:
        descriptor = _lock(place)
        if descriptor is not None:
            _held.add(descriptor)
            story = Owner(os.getpid(), url, datetime.now(UTC).isoformat(timespec="seconds"))
            # On a full disk the lock alone says that the store is taken.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(asdict(story)).encode())
            return Ownership(place, descriptor)
        if time.monotonic() > deadline:
            raise _in_use(path, _read(place))
        time.sleep(0.02)


def find_owner(path: Path) -> Owner | None:
    """The living owner of a store, None when there is none. Takes nothing and waits little."""
    place, deadline = owner_path(path), time.monotonic() + _PATIENCE
    while place.exists():
        descriptor = _lock(place, shared=True)
        if descriptor is not None:
            os.close(descriptor)
            return None
        owner = _read(place)
        if owner or time.monotonic() > deadline:
            return owner
        time.sleep(0.02)
    return None


def _lock(place: Path, *, shared: bool = False) -> int | None:
    """A descriptor that holds the lock on the file of this name, None when another holds it."""
    try:
        return lock_file(place, shared=shared)
    except FileNotFoundError as error:
        if shared:
            return None
        raise denied(place, error) from None
    except OSError as error:
        raise denied(place, error) from None


def _read(place: Path) -> Owner | None:
    try:
        told = cast("dict[str, Any]", json.loads(place.read_text(encoding="utf-8")))
        return Owner(told["pid"], told["url"], told["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _in_use(path: Path, owner: Owner | None) -> StoreInUse:
    if owner is None:
        return StoreInUse(f"{path}: in use by another process; wait for it, or name another --db")
    if owner.pid == os.getpid():
        return StoreInUse(
            f"{path}: open in this process already; use that workspace, or close() it first"
        )
    if owner.url:
        return StoreInUse(
            f"{path}: in use by process {owner.pid}, which serves it at {owner.url}; ask there, or"
            " stop it first"
        )
    return StoreInUse(
        f"{path}: in use by process {owner.pid} since {owner.started}, which serves no URL; wait"
        " for it, stop it, or name another --db"
    )


def _let_go_in_child() -> None:
    """A forked child shares the lock, and would hold it beyond its parent's death."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)

"""The owner of a store: a locked file beside the store names its process.

DuckDB allows one process per file, even for reading. So the owner writes its pid, and its URL if it
serves one, and `find_owner` reads them. The kernel releases the lock when the process ends, so the
next owner takes over the file that a killed process left.
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

_PATIENCE = 1.0  # seconds; another process may be checking the lock, or writing its owner's file
_held: set[int] = set()


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a store. `url` is None if it serves none."""

    pid: int
    url: str | None
    started: str


class Ownership:
    """The lock, held from `own` until `give_up` or the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def give_up(self) -> None:
        """Remove the file and release the lock. A second call does nothing."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.give_up()


def real_path(path: Path) -> Path:
    """The target of a path that is a symbolic link; the log and the owner's file are beside it.

    Returns any other path unchanged. Raises StoreFailed for links in a circle.
    """
    try:
        return path.resolve() if path.is_symlink() else path
    except RuntimeError:
        raise StoreFailed(f"{path}: its symbolic links lead in a circle; mend them") from None
    except OSError as error:
        raise denied(path, error) from None


def owner_path(path: Path) -> Path:
    """The path of the owner's file: beside the store's file, even if a link names the store."""
    path = real_path(path)
    return path.with_name(path.name + ".owner")


def own(path: Path, url: str | None = None) -> Ownership:
    """Become the owner. Raises StoreInUse if a process owns it, StoreFailed without permission.

    A process cannot own the same store twice.
    """
    place, deadline = owner_path(path), time.monotonic() + _PATIENCE
    while True:
        descriptor = _lock(place)
        if descriptor is not None:
            _held.add(descriptor)
            story = Owner(os.getpid(), url, datetime.now(UTC).isoformat(timespec="seconds"))
            # On a full disk only the lock shows that the store is in use.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(asdict(story)).encode())
            return Ownership(place, descriptor)
        if time.monotonic() > deadline:
            raise _in_use(path, _read(place))
        time.sleep(0.02)


def find_owner(path: Path) -> Owner | None:
    """The process that owns a store, None if there is none. Returns quickly."""
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
    """A descriptor that holds the lock on this file, None if another one holds it."""
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
        owner = cast("dict[str, Any]", json.loads(place.read_text(encoding="utf-8")))
        return Owner(owner["pid"], owner["url"], owner["started"])
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
    """Close the lock in a forked child, which would otherwise hold it after its parent's end."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)

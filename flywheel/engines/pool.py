"""What is open on this machine: samplers, sandboxes, an embedder, reward models. Each once.

Engines of one family share a pool, so that two runs that name the same model load it once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class _Closes(Protocol):
    def close(self) -> object: ...


class Pool:
    """Things by key, each opened when it is first wanted, and closed together."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Any] = {}
        self._opening: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is open by this key, made if nothing is; two threads make one."""
        with self._opening.setdefault(key, threading.Lock()):
            if key not in self._open:
                self._open[key] = make()
            return self._open[key]

    def close(self) -> None:
        """Close all that can be closed. What is wanted afterwards is opened again."""
        while self._open:
            _, thing = self._open.popitem()
            if isinstance(thing, _Closes):
                thing.close()

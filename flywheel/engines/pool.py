"""A pool of open samplers, sandboxes, embedders and reward models, each opened once.

Engines made by `under` share a pool, so two runs of the same model load it once.
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
    """Resources by key, each opened on first use, and closed together."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Any] = {}
        self._opening: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The resource of this key, opened on first use, once even if two threads ask for it."""
        with self._opening.setdefault(key, threading.Lock()):
            if key not in self._open:
                self._open[key] = make()
            return self._open[key]

    def close(self) -> None:
        """Close all resources that can be closed. Later calls of `get` open them again."""
        while self._open:
            _, thing = self._open.popitem()
            if isinstance(thing, _Closes):
                thing.close()

"""Garbage collection: rare while answers arrive.

A full collection visits every imported object and blocks the event loop for about 100 ms; a run
creates thousands of objects per second, but hardly any cycles.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager

_OBJECTS = 20_000
_lock = threading.Lock()
_runs = 0
_before = (0, 0, 0)


@contextmanager
def rarely_collected() -> Generator[None]:
    """Exclude existing objects from collections, and collect only after many new objects.

    Runs may overlap in a process: the last one to end restores the original settings.
    """
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(change: int) -> None:
    global _runs, _before
    with _lock:
        if _runs == 0:
            _before = gc.get_threshold()
            gc.freeze()
            gc.set_threshold(_OBJECTS, *_before[1:])
        _runs += change
        if _runs == 0:
            gc.set_threshold(*_before)
            gc.unfreeze()

"""Garbage: collect it rarely while answers come in.

A full collection walks every object that was ever imported, some 100 ms in which no answer is read
and no request goes out; a run makes thousands of objects a second, and hardly a cycle.
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
    """Leave what exists now out of collections, and begin one only after many new objects.

    Runs may overlap in a process: the last to end puts back what the first has found.
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

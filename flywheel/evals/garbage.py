"""Garbage: collect it rarely while answers come in.

A full collection walks every object that was ever imported, some 100 ms in which no answer is read
and no request goes out; a run makes thousands of objects a second, and hardly a cycle.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

_OBJECTS = 20_000


@contextmanager
def rarely_collected() -> Generator[None]:
    """Leave what exists now out of collections, and begin one only after many new objects."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

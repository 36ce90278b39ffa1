"""Whether the time of some work grows with its size, as ratios within one run: no clock decides."""

from __future__ import annotations

import time
from collections.abc import Callable

_TRIES = 4
_TOLERANCE = 0.02  # seconds; below it a clock shows chance


def grows_with_size(work: Callable[[int], object], size: int) -> bool:
    """Whether four times the size takes clearly less than sixteen times the CPU time.

    Sixteen is what work that grows with the square takes. A busy machine may slow one half of a
    measurement down, so it is repeated until one holds.
    """
    return any(_cpu(work, 4 * size) < 9 * _cpu(work, size) + _TOLERANCE for _ in range(_TRIES))


def _cpu(work: Callable[[int], object], size: int) -> float:
    start = time.process_time()
    work(size)
    return time.process_time() - start

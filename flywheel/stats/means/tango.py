"""Tango's score interval for the difference of two shares measured on the same items.

With b items won, c lost and n in all, the interval holds every difference d that the score test
does not reject (Tango 1998):

    |b - c - n d| / sqrt(n (2 q + d (1 - d)))  <=  z

where q is the share of losses that is likeliest if d is true: the larger root of
2 n q^2 + (-b - c + (2 n - b + c) d) q - c d (1 - d) = 0. At d = 0 it is McNemar's test without
correction. It keeps its width when every item ties, and covers well from a few dozen items on.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_HALVINGS = 48


def tango(wins: float, losses: float, n: float, z: float) -> tuple[float, float]:
    """The interval. Counts need not be whole: clusters shrink all three by their design effect."""
    return _low(wins, losses, n, z), -_low(losses, wins, n, z)


def score(wins: float, losses: float, n: float, difference: float) -> float:
    """How many standard errors the data lie above a difference that is supposed to be true."""
    d = difference
    above = wins - losses - n * d
    middle = -wins - losses + (2 * n - wins + losses) * d
    root = math.sqrt(max(middle * middle + 8 * n * losses * d * (1 - d), 0.0))
    variance = n * ((root - middle) / (2 * n) + d * (1 - d))
    if variance > 0:
        return above / math.sqrt(variance)
    return math.copysign(math.inf, above) if above else 0.0


def _low(wins: float, losses: float, n: float, z: float) -> float:
    middle = (wins - losses) / n
    return bisect(lambda d: score(wins, losses, n, d) > z, -1.0, middle)


def bisect(below: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at the low end ceases to hold."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return high

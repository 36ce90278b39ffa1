"""Many comparisons at once: p values adjusted, in the order they came in.

Compare an adjusted p with the level as if it were the only one. Holm (1979) keeps the chance of
any wrong finding under the level, whatever the dependence: use it to say that a candidate is
better. Benjamini and Hochberg (1995) keep the share of wrong findings under it, for independent or
positively dependent tests: use it to screen. Neither corrects for choosing what to test.
"""

from __future__ import annotations

import numpy as np

from flywheel.stats.arrays import BadNumbers, Floats, Values, floats


def holm(ps: Values) -> Floats:
    """max over the smaller ones of (m - rank + 1) p, at most 1."""
    values, order = _ordered(ps)
    stepped = np.maximum.accumulate(np.arange(values.size, 0, -1) * values[order])
    return _back(stepped, order)


def benjamini_hochberg(ps: Values) -> Floats:
    """min over the larger ones of m p / rank, at most 1."""
    values, order = _ordered(ps)
    scaled = values[order] * values.size / np.arange(1, values.size + 1)
    return _back(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _ordered(ps: Values) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    values = floats(ps)
    if values.size and not 0 <= values.min() <= values.max() <= 1:
        raise BadNumbers(f"wanted p values between 0 and 1, got {values.tolist()!r}")
    return values, np.argsort(values, kind="stable")


def _back(adjusted: Floats, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    result = np.empty(adjusted.size)
    result[order] = np.minimum(adjusted, 1.0)
    return result

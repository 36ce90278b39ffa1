"""What callers hand over, checked: finite numbers, pairs of one length, clusters as codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flywheel.errors import FlywheelError

Floats = NDArray[np.float64]
Values = Sequence[float] | Floats
# One label an item, of any kind. None: every item stands for itself.
Clusters = Sequence[object] | NDArray[np.int64] | range | None


class BadNumbers(FlywheelError):
    """Numbers that no statistic can be made of: not finite, or not one for each item."""


def floats(values: Values) -> Floats:
    """The values as one row of finite numbers."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise BadNumbers(f"wanted one number an item, got an array of shape {array.shape!r}")
    if not bool(np.isfinite(array).all()):
        bad = array[~np.isfinite(array)][0]
        raise BadNumbers(f"wanted finite numbers, got {float(bad)!r}: leave ungraded items out")
    return array


def differences(candidate: Values, baseline: Values) -> Floats:
    """Candidate less baseline, item by item. What differs by rounding alone is a tie."""
    ours, theirs = floats(candidate), floats(baseline)
    if ours.size != theirs.size:
        raise BadNumbers(
            f"wanted pairs, got {ours.size!r} values of the candidate and {theirs.size!r} of the "
            "baseline: pass only the items graded in both"
        )
    gap = ours - theirs
    return np.where(np.abs(gap) < 1e-12, 0.0, gap)


def codes(clusters: Clusters, n: int) -> tuple[NDArray[np.int64], int]:
    """Each item's cluster as a number from 0, and how many clusters there are."""
    if clusters is None:
        return np.arange(n), n
    if len(clusters) != n:
        raise BadNumbers(f"wanted a cluster for each of {n!r} items, got {len(clusters)!r}")
    if isinstance(clusters, np.ndarray) and np.issubdtype(clusters.dtype, np.integer):
        index = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
        return index, int(index.max()) + 1 if n else 0
    labels: dict[object, int] = {}
    index = np.fromiter((labels.setdefault(c, len(labels)) for c in clusters), np.int64, n)
    return index, len(labels)


def is_pass_fail(values: Floats) -> bool:
    """Whether there is nothing but 0 and 1."""
    return bool(((values == 0.0) | (values == 1.0)).all())

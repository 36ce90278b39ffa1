"""Not worse by more than a margin: what a cheaper model, or a guarded metric, must show.

The hypothesis to reject is difference <= -margin (Piaggio and others 2012). It is rejected when the
one-sided lower bound at 1 - alpha lies above -margin: the lower end of the paired interval, so the
picture and the verdict are one. Not rejecting shows nothing: neither harm nor equality. The
margin has to be chosen before the data are seen.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from flywheel.stats.arrays import BadNumbers, Clusters, Values
from flywheel.stats.means.choose import Range
from flywheel.stats.paired import paired_test


class NonInferior(NamedTuple):
    """The verdict. `p` and `low` are None, and nothing holds, where the data say nothing."""

    p: float | None
    low: float | None
    holds: bool


def noninferior(
    candidate: Values,
    baseline: Values,
    margin: float,
    clusters: Clusters = None,
    alpha: float = 0.025,
    range_: Range | None = None,
) -> NonInferior:
    """Whether the candidate is shown to be worse by less than the margin."""
    if not margin >= 0:
        raise BadNumbers(f"wanted a margin of 0 or more, got {margin!r}")
    test = paired_test(candidate, baseline, clusters, range_) if len(candidate) else None
    if test is None:
        return NonInferior(None, None, False)
    low = test.low(alpha)
    return NonInferior(test.p_at_most(-margin), low if low > -math.inf else None, low > -margin)

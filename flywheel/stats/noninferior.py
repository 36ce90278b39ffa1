"""Not worse by more than a margin: what a cheaper model, or a guarded metric, must show.

The hypothesis to reject is difference <= -margin (Piaggio and others 2012). It is rejected when the
one-sided lower bound at 1 - alpha lies above -margin: the lower end of the paired interval, so the
picture and the verdict are one. Not rejecting shows nothing: neither harm nor equality. The
margin has to be chosen before the data are seen.
"""

from __future__ import annotations

from typing import NamedTuple

from flywheel.stats.arrays import BadNumbers, Clusters, Floats, Values, codes, differences
from flywheel.stats.intervals import clustered_error, effective_items
from flywheel.stats.paired import Paired, paired
from flywheel.stats.tango import score


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
) -> NonInferior:
    """Whether the candidate is shown to be worse by less than the margin."""
    if not margin >= 0:
        raise BadNumbers(f"wanted a margin of 0 or more, got {margin!r}")
    found = paired(candidate, baseline, clusters, level=1 - 2 * alpha)
    if found is None or found.low is None:
        return NonInferior(None, None, False)
    gaps = differences(candidate, baseline)
    p = _p(found, gaps, codes(clusters, gaps.size)[0], margin)
    return NonInferior(p, found.low, found.low > -margin)


def _p(found: Paired, gaps: Floats, clusters: Clusters, margin: float) -> float:
    """The alpha at which the bound touches -margin, by each method of `paired`."""
    from scipy.special import ndtr, stdtr

    if found.method == "tango":
        p = float(ndtr(-score(found.wins, found.losses, found.n, -margin)))
        return max(p, (found.p or 0.0) / 2) if margin == 0 and found.difference > 0 else p
    freedom = found.clusters - 1
    if found.method == "clustered tango":
        items = effective_items(gaps, clusters)[0]
        wins, losses = found.wins * items / found.n, found.losses * items / found.n
        return float(stdtr(freedom, -score(wins, losses, items, -margin)))
    if found.method == "bound":
        above = found.difference + margin
        return min(1.0, (1 - above / (1 + found.difference)) ** freedom) if above > 0 else 1.0
    error = clustered_error(gaps, clusters)[0]
    return float(stdtr(freedom, -(found.difference + margin) / error))

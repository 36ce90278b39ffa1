"""The winner's curse: the best of k candidates on dev owes part of its score to luck.

Measured on the same dev items that chose it, the winner looks better than it is by about
`expected_best(k, se)` if the candidates are truly equal, and by less the more they truly differ.
What a candidate is worth is measured on items that did not choose it; these figures only say
beforehand what to expect there.

They assume candidates that err independently, all with standard error `se`, normally, and whose
true scores are spread normally about a mean. Candidates scored on the same items share the items'
luck: `se` is then the error of one candidate's score about the others', sd of the item differences
over sqrt(2 n), not that of the score itself.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from flywheel.stats.arrays import BadNumbers, Floats, Values, floats


def expected_best(k: int, se: float) -> float:
    """How far the best of k equal candidates lies above their mean: se * E[max of k normals].

    E[max] is the integral from 0 of 1 - Phi(x)^k - Phi(-x)^k.
    """
    if k < 1 or se < 0:
        raise BadNumbers(f"wanted a candidate and an error of 0 or more, got {k!r} and {se!r}")
    return se * _best_normal(k)


def shrunk(best_dev: float, mean_of_candidates: float, se: float, k: int) -> float:
    """What to expect of the winner on new items (empirical Bayes; Efron and Morris 1975).

    mean + (1 - se^2 / s^2) * (best - mean), and no further down than the mean. s, the spread of
    the dev scores, is taken from the winner's lead: lead / E[max of k normals]. Of one candidate
    nothing was chosen, and nothing is taken off.
    """
    lead = best_dev - mean_of_candidates
    if k == 1:
        return best_dev
    if lead <= 0:
        return mean_of_candidates
    luck = expected_best(k, se) / lead
    return mean_of_candidates + max(0.0, 1 - luck**2) * lead


def shrunk_all(scores: Values, se: float) -> Floats:
    """The same for every candidate, from the spread of all: James and Stein's (1961), toward the
    mean, its factor 1 - (k - 3) se^2 / sum of (score - mean)^2 held above 0. Needs four."""
    values = floats(scores)
    apart = values - values.mean() if values.size else values
    spread = float(apart @ apart)
    if values.size < 4 or spread == 0.0:
        return values
    return values.mean() + max(0.0, 1 - (values.size - 3) * se**2 / spread) * apart


@cache
def _best_normal(k: int) -> float:
    from scipy.special import ndtr

    x, width = np.linspace(0.0, 12.0, 4001, retstep=True)
    above = 1 - ndtr(x) ** k - ndtr(-x) ** k
    # Simpson's rule: exact to ten digits here.
    weights = np.where(np.arange(x.size) % 2, 4.0, 2.0)
    weights[[0, -1]] = 1.0
    return float(above @ weights) * float(width) / 3

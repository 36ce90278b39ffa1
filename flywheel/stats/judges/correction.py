"""What the pass rate would be if people had graded: two corrections of a judge's verdicts.

Both need items that were graded by people and by the judge, drawn at random from the same kind of
items, or they correct for another judge than the one at work. Neither can say anything of a judge
that is no better than a coin (None).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from flywheel.stats.arrays import BadNumbers, Values, floats
from flywheel.stats.intervals import Interval
from flywheel.stats.quantiles import normal_quantile, t_quantile


class Share(NamedTuple):
    """So many of n."""

    passed: int
    n: int


class Powered(NamedTuple):
    """A mean that leans on the judge as far as the judge is worth it, from 0 to 1."""

    interval: Interval
    weight: float


def rogan_gladen(
    observed: Share, sensitivity: Share, specificity: Share, level: float = 0.95
) -> Interval | None:
    """The true pass rate behind the judge's: (p + sp - 1) / (se + sp - 1) (Rogan and Gladen 1978).

    `observed`: what the judge passed; `sensitivity`: of the items that people passed, those that
    the judge passed; `specificity`: of those that people failed, those that it failed. The
    interval is Lang and Reiczigel's (2014), which holds the error of all three: each share moved
    toward the middle (by z^2 and by 2 items), the delta method, and a shift dP for its skew.
    """
    for share in (observed, sensitivity, specificity):
        if not 0 <= share.passed <= share.n:
            raise BadNumbers(f"wanted 0 <= passed <= n, got {tuple(share)!r}")
    if min(observed.n, sensitivity.n, specificity.n) == 0:
        return None
    p, se, sp = (share.passed / share.n for share in (observed, sensitivity, specificity))
    if se + sp <= 1:
        return None
    z = normal_quantile(level)
    n, n_se, n_sp = observed.n + z * z, sensitivity.n + 2, specificity.n + 2
    rate, hit = (observed.passed + z * z / 2) / n, (sensitivity.passed + 1) / n_se
    spared = (specificity.passed + 1) / n_sp
    better = hit + spared - 1
    if better <= 0:
        return Interval(_clip((p + sp - 1) / (se + sp - 1)), 0.0, 1.0)
    true = (rate + spared - 1) / better
    of_hit, of_spared = hit * (1 - hit) / n_se, spared * (1 - spared) / n_sp
    shift = 2 * z * z * (true * of_hit - (1 - true) * of_spared)
    variance = rate * (1 - rate) / n + true**2 * of_hit + (1 - true) ** 2 * of_spared
    reach = z * math.sqrt(variance) / better
    middle = _clip((p + sp - 1) / (se + sp - 1))
    return Interval(middle, _clip(true + shift - reach), _clip(true + shift + reach))


def ppi_mean(
    judged_unlabelled: Values, judged_labelled: Values, human: Values, level: float = 0.95
) -> Powered | None:
    """The mean human score, from few human and many judged ones (PPI++: Angelopoulos, Duchi and
    Zrnic 2023).

    weight * mean(judged_unlabelled) + mean(human - weight * judged_labelled), with the weight
    cov(human, judged) / ((1 + n / N) var(judged)) held within 0 and 1: a judge that is worth
    nothing is not listened to, so that the interval is hardly ever wider than that of the human
    scores alone. t with n - 1 degrees of freedom in place of the paper's normal quantile, for
    tens of labels. None without two labels; `low` and `high` None where all scores are equal.
    """
    wide, judged, truth = floats(judged_unlabelled), floats(judged_labelled), floats(human)
    n = truth.size
    if judged.size != n:
        raise BadNumbers(f"wanted pairs, got {judged.size!r} judged and {n!r} human scores")
    if n < 2:
        return None
    weight = 0.0
    spread = float(np.concatenate([wide, judged]).var(ddof=1))
    if wide.size > 1 and spread > 0:
        together = float(np.cov(truth, judged)[0, 1])
        weight = _clip(together / ((1 + n / wide.size) * spread))
    rest = truth - weight * judged
    mean, variance = float(rest.mean()), float(rest.var(ddof=1)) / n
    if weight:
        mean += weight * float(wide.mean())
        variance += weight**2 * float(wide.var(ddof=1)) / wide.size
    if variance <= 0:
        return Powered(Interval(mean, None, None), weight)
    reach = t_quantile(n - 1, level) * math.sqrt(variance)
    return Powered(Interval(mean, mean - reach, mean + reach), weight)


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)

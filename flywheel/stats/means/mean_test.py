"""The contract of a test of one mean, and the bound that comes from it.

A test answers one question: how surprising are these values if the true mean is `m` or less? A
lower bound is the largest mean that the test still rejects, and an upper bound is the lower bound
of the values with their signs turned. Intervals, p values and margins all come from here, so they
cannot disagree.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from flywheel.stats.quantiles import normal_score

# In standard errors: a test that does not reject so far away rejects nowhere.
_FAR = 1e6
_STEPS = 150


class MeanTest(ABC):
    """A one-sided test of a mean.

    `estimate` is the mean that was measured, `least` the lowest one possible, and `method` the
    name under which results report the test.
    """

    method: str
    estimate: float
    least: float

    @property
    def unit(self) -> float:
        """The standard error, or what comes close to it."""
        return math.inf

    @abstractmethod
    def p_at_most(self, mean: float) -> float:
        """The p value of the hypothesis that the true mean is `mean` or less."""

    @abstractmethod
    def mirrored(self) -> MeanTest:
        """The test of the same values with their signs turned."""

    def low(self, alpha: float) -> float:
        """The bound that lies above the true mean with probability `alpha` at most.

        The lowest mean, or minus infinity, where the values cannot reject any.
        """
        least = self.least
        if not math.isfinite(least):
            least = self.estimate - _FAR * self.unit
        if self.p_at_most(least) > alpha:
            return self.least
        return self._search(least, alpha)

    def _search(self, low: float, alpha: float) -> float:
        """Where p rises above alpha, between `low` and the estimate.

        On the normal scale p is nearly a straight line of the mean, so a secant arrives in a few
        steps; each third step halves what is left, for p values that rise in steps.
        """
        high, wanted = self.estimate, normal_score(alpha)
        before = high, normal_score(self.p_at_most(high))
        at = self.estimate - 2 * self.unit
        for step in range(_STEPS):
            if not low < at < high or step % 3 == 2:
                at = (low + high) / 2
            score = normal_score(self.p_at_most(at))
            if abs(score - wanted) < 1e-10:
                return at
            low, high = (at, high) if score < wanted else (low, at)
            if high - low <= 1e-12 * max(abs(low), abs(high)):
                break
            run, rise = at - before[0], score - before[1]
            before = at, score
            at = at + (wanted - score) * run / rise if rise else math.inf
        return high

    def high(self, alpha: float) -> float:
        """The bound that lies below the true mean with probability `alpha` at most."""
        return 0.0 - self.mirrored().low(alpha)


def interval(test: MeanTest | None, level: float) -> tuple[float | None, float | None]:
    """The means that the test rejects in neither direction; None where it rejects none."""
    if test is None:
        return None, None
    low, high = test.low((1 - level) / 2), test.high((1 - level) / 2)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)


def two_sided_p(test: MeanTest, mean: float = 0.0) -> float:
    """The p value of the hypothesis that the true mean is `mean`: twice the smaller tail."""
    smaller = min(test.p_at_most(mean), test.mirrored().p_at_most(-mean))
    return min(1.0, 2 * smaller)

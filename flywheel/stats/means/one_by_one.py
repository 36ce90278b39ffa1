"""Tests of a mean whose items stand for themselves: no two share a group."""

from __future__ import annotations

import math

import numpy as np

from flywheel.stats.arrays import Floats
from flywheel.stats.means.gaffke import chance_below_zero
from flywheel.stats.means.mean_test import MeanTest
from flywheel.stats.means.tango import score, tango
from flywheel.stats.quantiles import normal_quantile, t_quantile

# Where more of the pairs differ than this, McNemar's mid-p rejects too often (3.2% instead of 2.5%
# at 50 items that all differ), and the exact p is taken. With it the size is at most the level for
# every number of items and every share of pairs that differ: `make bench-truth` sums it up.
_MOST_MID = 0.8


class Share(MeanTest):
    """How many of n items passed: the exact test of Clopper and Pearson (1934)."""

    method = "clopper-pearson"

    def __init__(self, passed: int, n: int, sign: int = 1) -> None:
        self._passed, self._n, self._sign = passed, n, sign
        self.estimate = sign * passed / n
        self.least = min(0.0, float(sign))

    def p_at_most(self, mean: float) -> float:
        """The chance of as many passes or more; of the mirrored test, of as many or fewer."""
        from scipy.special import bdtr, bdtrc

        share = min(1.0, max(0.0, self._sign * mean))
        if self._sign > 0:
            return float(bdtrc(self._passed - 1, self._n, share)) if self._passed else 1.0
        return float(bdtr(self._passed, self._n, share))

    def mirrored(self) -> Share:
        """The share that did not pass, counted from below 0."""
        return Share(self._passed, self._n, -self._sign)

    def low(self, alpha: float) -> float:
        """A quantile of the beta distribution."""
        from scipy.special import betaincinv

        passed, failed = self._passed, self._n - self._passed
        if self._sign > 0:
            return float(betaincinv(passed, failed + 1, alpha)) if passed else 0.0
        return -float(betaincinv(passed + 1, failed, 1 - alpha)) if failed else -1.0


class Matched(MeanTest):
    """Pass/fail pairs: Tango's score (1998), and McNemar's test at no difference.

    Tango's interval errs a little on the bold side with a handful of pairs that differ, so where
    McNemar's test does not reject, the interval reaches to 0.
    """

    method = "tango"
    least = -1.0

    def __init__(self, wins: int, losses: int, n: int) -> None:
        self._wins, self._losses, self._n = wins, losses, n
        self.estimate = (wins - losses) / n

    def p_at_most(self, mean: float) -> float:
        """The larger of both tests' p; McNemar's speaks from no difference on."""
        from scipy.special import ndtr

        if mean <= -1.0:
            return 0.0
        p = float(ndtr(-score(self._wins, self._losses, self._n, mean)))
        return max(p, self._mcnemar()) if mean >= 0 else p

    def mirrored(self) -> Matched:
        """Wins and losses change places."""
        return Matched(self._losses, self._wins, self._n)

    def low(self, alpha: float) -> float:
        """Tango's bound, or 0 where McNemar's test does not reject."""
        low = tango(self._wins, self._losses, self._n, normal_quantile(1 - 2 * alpha))[0]
        return min(low, 0.0) if self._mcnemar() > alpha else low

    def _mcnemar(self) -> float:
        """P(as many wins or more) among the pairs that differ, the observed number counted half."""
        from scipy.special import bdtrc

        differ = self._wins + self._losses
        as_many = float(bdtrc(self._wins - 1, differ, 0.5)) if self._wins else 1.0
        if differ > _MOST_MID * self._n:
            return as_many
        more = float(bdtrc(self._wins, differ, 0.5)) if self._wins < differ else 0.0
        return (as_many + more) / 2


class Bounded(MeanTest):
    """Scores with a declared range: Gaffke's bound."""

    method = "gaffke"

    def __init__(self, values: Floats, counts: Floats, range_: tuple[float, float]) -> None:
        self._values, self._counts, self._range = values, counts, range_
        self.estimate = float(values @ counts / counts.sum())
        self.least = range_[0]

    @property
    def unit(self) -> float:
        """The standard error, as if the worst score had been seen as well."""
        n = float(self._counts.sum())
        squares = self._counts @ (self._values - self.estimate) ** 2
        return math.sqrt(float(squares) + (self.least - self.estimate) ** 2) / n

    @classmethod
    def of(cls, values: Floats, range_: tuple[float, float]) -> Bounded:
        """The test of these values; equal ones are counted, which makes large samples cheap."""
        distinct, counts = np.unique(values, return_counts=True)
        return cls(distinct, counts.astype(np.float64), range_)

    def p_at_most(self, mean: float) -> float:
        """By the saddlepoint."""
        terms = np.append(self._values, self.least) - mean
        return chance_below_zero(terms, np.append(self._counts, 1.0))

    def mirrored(self) -> Bounded:
        """Values and range with their signs turned."""
        least, most = self._range
        return Bounded(-self._values, self._counts, (-most, -least))


class Student(MeanTest):
    """Scores without a declared range: Student's t. It trusts the spread that was seen."""

    method = "t"
    least = -math.inf

    def __init__(self, estimate: float, error: float, freedom: float) -> None:
        self.estimate, self._error, self._freedom = estimate, error, freedom

    def p_at_most(self, mean: float) -> float:
        """The tail of t."""
        from scipy.special import stdtr

        return float(stdtr(self._freedom, (mean - self.estimate) / self._error))

    def mirrored(self) -> Student:
        """The same spread about the mean with its sign turned."""
        return Student(-self.estimate, self._error, self._freedom)

    def low(self, alpha: float) -> float:
        """So many standard errors below the estimate."""
        return self.estimate - t_quantile(self._freedom, 1 - 2 * alpha) * self._error

"""A test of a mean whose items come in groups that err together: templates, conversations, sources.

Groups are the unit. Few or unequal ones fool a formula that counts them all alike, so three tests
must agree, and p is the largest of theirs:

- `t`: the cluster-robust error with the correction CR2 (Bell and McCaffrey 2002) and the degrees of
  freedom of Satterthwaite, in closed form for a mean. It notices a group that outweighs the rest.
- `flips`: the sign of each group's sum turns at random (Fisher 1935; Canay, Romano and Shaikh
  2017). Exact up to 12 groups, by the saddlepoint beyond.
- Gaffke's bound over the groups' sums with one more item of the worst score, where a range is
  declared: rare large losses and skewed scores fool the first two.

Below 8 effective groups (Kish 1965: (sum of sizes)^2 / sum of squares) none of them holds, and
there is no test. All suppose that groups lose about as far as they gain: losses of whole groups
that are rare enough not to be among those seen are beyond every procedure here.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import Floats
from flywheel.stats.means.gaffke import chance_below_zero, tail
from flywheel.stats.means.mean_test import MeanTest

FEWEST_GROUPS = 8.0
_ALL_SIGNS = 12
_ROUNDS = 200


def effective_groups(sizes: Floats) -> float:
    """How many groups of one size would count as much (Kish 1965)."""
    return float(sizes.sum()) ** 2 / float(sizes @ sizes)


class Grouped(MeanTest):
    """The sums of groups and their sizes; `range_` is that of one item, where it is known."""

    method = "groups"

    def __init__(self, sums: Floats, sizes: Floats, range_: tuple[float, float] | None) -> None:
        self._sums, self._sizes, self._range = sums, sizes, range_
        self._n = float(sizes.sum())
        self.estimate = float(sums.sum()) / self._n
        self.least = -math.inf if range_ is None else range_[0]

    @property
    def unit(self) -> float:
        """The standard error, or so much of the range where groups do not differ."""
        return self.error[0] or abs(self.estimate) / self._sizes.size

    @classmethod
    def of(
        cls, values: Floats, index: NDArray[np.int64], range_: tuple[float, float] | None
    ) -> Grouped:
        """The test of values whose groups are numbered by `index`."""
        sums = np.bincount(index, weights=values).astype(np.float64)
        return cls(sums, np.bincount(index).astype(np.float64), range_)

    def p_at_most(self, mean: float) -> float:
        """The largest p of the tests."""
        above = self._sums - mean * self._sizes
        p = max(self._t(mean), flips(above))
        if self._range is None or p >= 0.5:
            return p
        terms = np.append(above, self.least - mean)
        return max(p, chance_below_zero(terms, np.ones(terms.size)))

    @property
    def has_spread(self) -> bool:
        """Whether groups differ at all."""
        return self.error[0] > 1e-12 * float(np.abs(self._sums / self._sizes).max())

    def mirrored(self) -> Grouped:
        """Sums and range with their signs turned."""
        turned = None if self._range is None else (-self._range[1], -self._range[0])
        return Grouped(-self._sums, self._sizes, turned)

    def low(self, alpha: float) -> float:
        """The bound; at 0, where groups that tie drop out of the flips, p decides."""
        low = super().low(alpha)
        return 0.0 if low > 0 and self.p_at_most(0.0) > alpha else low

    @cached_property
    def error(self) -> tuple[float, float]:
        """The standard error of CR2, and Satterthwaite's degrees of freedom."""
        rest = 1 - self._sizes / self._n
        apart = self._sums - self.estimate * self._sizes
        scale = float(np.abs(apart).max()) or 1.0
        variance = float(((apart / scale) ** 2 / rest).sum())
        weight = 1 / (self._n * np.sqrt(rest))
        own, shared = weight**2 * self._sizes, weight * self._sizes / math.sqrt(self._n)
        whole = float(own.sum() - (shared**2).sum())
        square = float((own**2).sum() - 2 * (own * shared**2).sum() + (shared**2).sum() ** 2)
        return scale / self._n * math.sqrt(variance), whole**2 / square

    def _t(self, mean: float) -> float:
        from scipy.special import stdtr

        error, freedom = self.error
        below = mean - self.estimate
        if not self.has_spread:
            return 1.0 if below >= 0 else 0.0  # the other tests bound it
        return float(stdtr(freedom, below / error))


def flips(sums: Floats) -> float:
    """The share of sign patterns whose sum is as large as that of `sums`, or larger."""
    most = float(np.abs(sums).max(initial=0.0))
    seen = sums[np.abs(sums) > 1e-12 * most] / (most or 1.0)
    total, most = float(seen.sum()), float(np.abs(seen).sum())
    if total <= 0 or seen.size == 0:
        return 1.0
    if seen.size <= _ALL_SIGNS:
        return float((_all_signs(seen.size) @ seen >= total - 1e-9 * most).mean())
    if most - total <= 1e-9 * most:
        return 0.5**seen.size
    return _flips_by_saddlepoint(seen, total)


@lru_cache(maxsize=_ALL_SIGNS)
def _all_signs(n: int) -> Floats:
    return np.array(list(product((-1.0, 1.0), repeat=n)))


def _flips_by_saddlepoint(sums: Floats, total: float) -> float:
    """P(sum of e_i s_i >= total) for random signs e, whose cumulants are log cosh."""
    low, high, at = 0.0, math.inf, total / float(sums @ sums)
    for _ in range(_ROUNDS):
        lean = np.tanh(at * sums)
        slope = float(sums @ lean) - total
        if slope > 0:
            high = at
        else:
            low = at
        curvature = float(sums**2 @ (1 - lean**2))
        step = at - slope / curvature if curvature > 0 else math.inf
        if not low < step < high:
            step = (low + high) / 2 if math.isfinite(high) else 2 * at
        if abs(step - at) <= 1e-12 * at:
            break
        at = step
    scaled = np.abs(at * sums)
    cumulant = float((scaled + np.log1p(np.exp(-2 * scaled)) - math.log(2)).sum())
    distance = math.sqrt(max(0.0, 2 * (at * total - cumulant)))
    curvature = float(sums**2 @ (1 - np.tanh(at * sums) ** 2))
    if distance < 1e-4:
        return 0.5
    return tail(distance, at * math.sqrt(curvature))

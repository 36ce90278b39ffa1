"""How many items find a gain, and which gain a given number of items can find.

For differences of spread sd the test is the paired t, so that n items find an effect with power

    P(|T| > t(1 - alpha/2; n - 1)),   T noncentral t with n - 1 and effect * sqrt(n) / sd

which Miller's formula n = (z(1-alpha/2) + z(power))^2 sd^2 / effect^2 (2024, section 5) gives up to
an item or two; sd^2 is `miller_variance`. Scores with a declared range are decided by Gaffke's
bound, which wants a larger mean than t: the one that it just accepts among n normally distributed
differences of that spread takes the place of the quantile of t. `reach` is the width of the range.
For pass/fail the test is McNemar's mid-p, and its power
is summed over the numbers of pairs that may differ (Miettinen 1968 has the approximation).

`design` is the design effect of clusters, 1 + (items per cluster - 1) * intraclass correlation
(Kish 1965): so many clustered items are worth one that stands for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import BadNumbers, Floats
from flywheel.stats.means.gaffke import chance_below_zero
from flywheel.stats.means.tango import bisect
from flywheel.stats.quantiles import normal_quantile, t_quantile

# Beyond so many degrees of freedom t is the normal distribution to seven digits.
_NORMAL_FROM = 1_000_000
_MOST_ITEMS = 10**12
# A sample of the normal distribution by so many of its quantiles.
_SHAPE = 64


def miller_variance(
    w2: float, sigma2_a: float = 0.0, sigma2_b: float = 0.0, k_a: int = 1, k_b: int = 1
) -> float:
    """The variance of a paired item difference: w2 + sigma2_a / k_a + sigma2_b / k_b.

    w2 is the variance between items of the difference of their true means, sigma2 the mean
    variance of one answer within its item, k the answers an item (Miller 2024, equation 9).
    """
    return w2 + sigma2_a / k_a + sigma2_b / k_b


def paired_sd(discordance: float, effect: float) -> float:
    """The spread of pass/fail differences: sqrt(discordance - effect^2).

    Discordance is the share of items that exactly one of the two passes.
    """
    if not abs(effect) <= discordance <= 1:
        raise BadNumbers(
            f"an effect of {effect!r} needs between {abs(effect)!r} and 1 of the items to differ, "
            f"got a discordance of {discordance!r}"
        )
    return math.sqrt(discordance - effect**2)


def power_of(
    n: int,
    effect: float,
    sd: float,
    alpha: float = 0.05,
    design: float = 1.0,
    reach: float | None = None,
) -> float:
    """How often the two-sided test at level alpha finds the effect with n items.

    Gaffke's bound for scores whose range is `reach` wide, the paired t for others.
    """
    from scipy.special import nctdtr, ndtr

    items = n / design
    freedom = items - 1
    if freedom < 1:
        return 0.0
    if sd == 0.0 and reach is not None:
        return float(abs(effect) > _least_mean(items, sd, alpha, reach))
    if sd == 0.0:
        return 1.0 if effect else 0.0
    shift = abs(effect) * math.sqrt(items) / sd
    if reach is not None:
        wanted = _least_mean(items, sd, alpha, reach) * math.sqrt(items) / sd
    elif freedom > _NORMAL_FROM:
        wanted = normal_quantile(1 - alpha)
    else:
        wanted = t_quantile(freedom, 1 - alpha)
    if freedom > _NORMAL_FROM or shift > 30:
        return float(ndtr(shift - wanted) + ndtr(-shift - wanted))
    other = float(nctdtr(freedom, shift, -wanted))
    # The tail on the wrong side underflows to "not a number" where it is below 1e-12.
    return 1 - float(nctdtr(freedom, shift, wanted)) + (0.0 if math.isnan(other) else other)


def items_needed(
    effect: float,
    sd: float,
    power: float = 0.8,
    alpha: float = 0.05,
    design: float = 1.0,
    reach: float | None = None,
) -> int:
    """The fewest items that find the effect with that power."""
    _check(effect, power)
    return _fewest(lambda n: power_of(n, effect, sd, alpha, design, reach) >= power)


def minimum_effect(
    n: int,
    sd: float,
    power: float = 0.8,
    alpha: float = 0.05,
    design: float = 1.0,
    reach: float | None = None,
) -> float | None:
    """The smallest effect that n items find with that power. None for fewer than two items."""
    _check(1.0, power)
    if n / design < 2:
        return None

    def finds(effect: float) -> bool:
        return power_of(n, effect, sd, alpha, design, reach) >= power

    most = max(sd, (reach or 0.0) / n)
    while most > 0 and not finds(most):
        most *= 2
    return bisect(lambda effect: not finds(effect), 0.0, most)


def _least_mean(items: float, sd: float, alpha: float, reach: float) -> float:
    """The mean of normally distributed differences from which Gaffke's bound excludes 0."""
    shape = _normal_shape() * sd
    counts = np.append(np.full(_SHAPE, items / _SHAPE), 1.0)

    def rejects(mean: float) -> bool:
        return chance_below_zero(np.append(shape + mean, -reach), counts) <= alpha / 2

    most = reach / items
    while not rejects(most):
        most *= 2
    return bisect(lambda mean: not rejects(mean), most / 2 if most > reach / items else 0.0, most)


@cache
def _normal_shape() -> Floats:
    """So many quantiles of the normal distribution, with a spread of 1."""
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(_SHAPE) + 0.5) / _SHAPE)
    return quantiles / quantiles.std()


def power_of_pass_fail(
    n: int, effect: float, discordance: float, alpha: float = 0.05, design: float = 1.0
) -> float:
    """How often McNemar's mid-p finds the effect among n pass/fail pairs, exactly.

    The pairs that differ are Binomial(n, discordance), and those won among them
    Binomial(differ, (1 + effect / discordance) / 2).
    """
    from scipy.special import bdtr

    paired_sd(discordance, effect)
    items = int(n / design)
    if items < 1 or discordance == 0.0:
        return 0.0
    won = (1 + abs(effect) / discordance) / 2
    middle, spread = items * discordance, math.sqrt(items * discordance * (1 - discordance))
    first, last = max(1, int(middle - 9 * spread) - 9), min(items, int(middle + 9 * spread) + 9)
    differ = np.arange(first, last + 1)
    chance = binomial(differ, items, discordance)
    fewer = _critical(differ, alpha)
    found = bdtr(fewer, differ, 1 - won) + bdtr(fewer, differ, won)
    return float(chance @ np.where(fewer >= 0, found, 0.0))


def items_for_pass_fail(
    effect: float,
    discordance: float,
    power: float = 0.8,
    alpha: float = 0.05,
    design: float = 1.0,
) -> int:
    """The fewest pass/fail items that find the effect with that power."""
    _check(effect, power)
    paired_sd(discordance, effect)
    enough = _fewest(lambda n: power_of_pass_fail(n, effect, discordance, alpha) >= power)
    return math.ceil(enough * design)


def _check(effect: float, power: float) -> None:
    if effect == 0 or not 0 < power < 1:
        raise BadNumbers(
            f"wanted an effect other than 0 and a power between 0 and 1, got {effect!r}, {power!r}"
        )


def _fewest(enough: Callable[[int], bool]) -> int:
    """The first count that is enough, where more stays enough."""
    high = 2
    while not enough(high):
        high *= 2
        if high > _MOST_ITEMS:
            raise BadNumbers("no number of items finds an effect that small: ask for a larger one")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _critical(differ: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """For each number of pairs the most losses at which mid-p still rejects, -1 where none do."""
    from scipy.special import bdtr

    # The normal approximation is at most two off: try what lies around it.
    about = np.floor(differ / 2 - normal_quantile(1 - alpha) * np.sqrt(differ) / 2).astype(np.int64)
    best = np.full(differ.shape, -1)
    for step in range(-3, 4):
        losses = about + step
        tail = bdtr(np.maximum(losses, 0), differ, 0.5)
        below = np.where(losses > 0, bdtr(np.maximum(losses - 1, 0), differ, 0.5), 0.0)
        rejects = (losses >= 0) & (2 * losses < differ) & (tail + below <= alpha)
        best = np.where(rejects, losses, best)
    return best


def binomial(counts: NDArray[np.int64], n: int, share: float) -> Floats:
    """The chance of each count among n."""
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1)
    return np.exp(ways + xlogy(counts, share) + xlog1py(n - counts, -share))

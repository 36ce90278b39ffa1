"""Looking more than once: a level for each look, and evidence that may be watched as it grows.

1. A sealed split is read by one candidate after another. `alpha_at` spends alpha / (k (k + 1)) at
   the k-th look: 1/2, 1/6, 1/12, ... of alpha, which sum to alpha however many looks there are
   (alpha spending, as in Foster and Stine 2008). With alpha 0.05 the first look is the ordinary
   two-sided 95% interval, 2.5% on either side.

2. One pair may be watched item by item and stopped at will. An e-value is the capital of a gambler
   who bets against "the candidate is no better" and cannot win in the long run if that is true:
   the chance that it ever passes 1 / alpha is alpha at most (Ville 1939). It asks for more items
   than a test at a fixed number does: that is the price of watching.
"""

from __future__ import annotations

import numpy as np

from flywheel.stats.arrays import BadNumbers, Floats, Values, floats

# The largest part of the capital that a bet risks (Waudby-Smith and Ramdas 2024 take 1/2 to 3/4).
_MOST_RISKED = 0.75


def alpha_at(look: int, alpha: float = 0.05) -> float:
    """The one-sided level of the k-th look at a split, the first being 1."""
    if look < 1:
        raise BadNumbers(f"looks are counted from 1, got {look!r}")
    return alpha / (look * (look + 1))


def e_value(differences: Values, low: float = -1.0, high: float = 1.0) -> float:
    """The evidence that the mean difference is above 0, after all of the items. 1 without any.

    In the order that they came, which must not depend on how they came out. Wins and losses alone
    (-1, 0, 1) get the mixture of `_wins_losses`, other differences in [low, high] the bets of
    `_bets`. An average of e-values of the same hypothesis is again one.
    """
    found = _log_capital(differences, low, high)
    return float(np.exp(min(found[-1], 700.0))) if found.size else 1.0


def anytime_p(differences: Values, low: float = -1.0, high: float = 1.0) -> float:
    """A p value that holds whenever one stops: 1 over the most that the capital ever was."""
    found = _log_capital(differences, low, high)
    return float(np.exp(-max(float(found.max(initial=0.0)), 0.0)))


def _log_capital(differences: Values, low: float, high: float) -> Floats:
    gaps = floats(differences)
    if not low < 0 < high:
        raise BadNumbers(f"wanted bounds below and above 0, got {low!r} and {high!r}")
    if gaps.size and not low <= gaps.min() <= gaps.max() <= high:
        raise BadNumbers(f"wanted differences in [{low!r}, {high!r}], got one outside")
    if bool(np.isin(gaps, (-1.0, 0.0, 1.0)).all()):
        return _wins_losses(gaps)
    return _bets(gaps, low, high)


def _wins_losses(gaps: Floats) -> Floats:
    """Log of the likelihood ratio against 1/2, mixed over win rates from 1/2 to 1 alike.

    2^(w + l + 1) B(w + 1, l + 1) (1 - I_{1/2}(w + 1, l + 1)), after each item (Robbins 1970).
    """
    from scipy.special import betainc, betaln

    wins, losses = np.cumsum(gaps > 0), np.cumsum(gaps < 0)
    # 1 - I_{1/2}(a, b) is I_{1/2}(b, a), which loses no digits.
    upper = betainc(losses + 1.0, wins + 1.0, 0.5)
    with np.errstate(divide="ignore"):
        return (wins + losses + 1) * np.log(2) + betaln(wins + 1, losses + 1) + np.log(upper)


def _bets(gaps: Floats, low: float, high: float) -> Floats:
    """Log capital of bets on each difference: the product of 1 + bet_i * difference_i.

    The bet is mean / (variance + mean^2) of what came before (the approximate growth optimum of
    Waudby-Smith and Ramdas 2024, section B.3), begun as with one item of mean 0 and of the
    largest variance that the bounds allow, and never below 0 or more than the capital bears.
    """
    before = np.arange(1, gaps.size + 1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(gaps)[:-1]])
    squares = np.concatenate([[0.0], np.cumsum(gaps**2)[:-1]]) + -low * high
    mean = sums / before
    bets = np.clip(mean / (squares / before), 0.0, _MOST_RISKED / -low)
    return np.cumsum(np.log1p(bets * gaps))

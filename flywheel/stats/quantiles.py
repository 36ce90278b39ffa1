"""How many standard errors an interval reaches."""

from __future__ import annotations

from statistics import NormalDist

# As exact as scipy's, whose import takes a quarter of a second: most commands need no more than it.
_NORMAL = NormalDist()


def normal_quantile(level: float) -> float:
    """With a known spread: the normal distribution's quantile for a two-sided level."""
    return _NORMAL.inv_cdf((1 + level) / 2)


def normal_score(p: float) -> float:
    """The standard normal value below which a share p lies; the ends of the scale are finite."""
    return _NORMAL.inv_cdf(min(max(p, 1e-300), 1 - 1e-16))


def t_quantile(freedom: float, level: float) -> float:
    """With an estimated spread: Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))

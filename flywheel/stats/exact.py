"""Tests that count: McNemar's, the sign test, sign flips, and Wilcoxon's signed ranks.

All are two-sided tests of pairs, with "no difference" as the hypothesis. Ties say nothing and are
left out, except where a test says otherwise. With nothing left p is 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flywheel.stats.arrays import Clusters, Floats, Values, codes, floats

# Up to this many patterns of signs all are tried: p is then exact.
_ALL_PATTERNS = 2**14
# The cells of one random matrix of signs: 4 MiB as int8, so that it stays in the cache.
_CELLS = 2**22


def mcnemar(wins: int, losses: int, mid: bool = True) -> float:
    """McNemar's test (1947) of pass/fail pairs, from the binomial of the pairs that differ.

    Exact: 2 P(X <= smaller), X ~ Binomial(wins + losses, 1/2). The mid-p (Lancaster 1961) counts
    the observed outcome half; it is less timid and hardly ever too bold (Fagerland, Lydersen and
    Laake 2013).
    """
    from scipy.special import bdtr

    n, fewer = wins + losses, min(wins, losses)
    if n == 0:
        return 1.0
    p = 2 * float(bdtr(fewer, n, 0.5))
    if mid:
        # P(X = fewer), as the step of the distribution.
        p -= float(bdtr(fewer, n, 0.5) - (bdtr(fewer - 1, n, 0.5) if fewer else 0.0))
    # At a draw both tails hold the middle: the sum of mid-p tails is then 1 by symmetry.
    return 1.0 if wins == losses else min(p, 1.0)


def sign_test(differences: Values) -> float:
    """The exact sign test (Arbuthnott 1710): McNemar's without mid-p, on the signs alone."""
    gaps = floats(differences)
    return mcnemar(int((gaps > 0).sum()), int((gaps < 0).sum()), mid=False)


def sign_flip(
    differences: Values, seed: int, rounds: int = 10_000, clusters: Clusters = None
) -> float:
    """The randomisation test of the mean difference (Fisher 1935): signs flip, cluster by cluster.

    p = (1 + patterns at least as far from 0) / (1 + rounds) for drawn patterns (Phipson and Smyth
    2010), and their plain share when all 2^C patterns are tried, up to 2^14 of them.
    """
    gaps = floats(differences)
    index, groups = codes(clusters, gaps.size)
    whole: Floats = np.bincount(index, weights=gaps, minlength=groups).astype(np.float64)
    sums = whole[np.abs(whole) > 1e-12]
    if sums.size == 0:
        return 1.0
    # Sums that are equal but for rounding count as equal.
    least = abs(float(sums.sum())) - 1e-9 * float(np.abs(sums).sum())
    if 2**sums.size <= _ALL_PATTERNS:
        return float((np.abs(_all_signs(sums.size) @ sums) >= least).mean())
    rng = np.random.default_rng(seed)
    far = sum(int((np.abs(flips) >= least).sum()) for flips in _flipped(rng, sums, rounds))
    return (far + 1) / (rounds + 1)


def wilcoxon(differences: Values) -> float:
    """The signed-rank test (Wilcoxon 1945), zeros left out.

    Exact up to 50 pairs without ties, else the normal approximation with its correction for ties,
    and none for continuity (as scipy.stats.wilcoxon has it).
    """
    from scipy.special import ndtr

    gaps = floats(differences)
    gaps = gaps[gaps != 0]
    n = gaps.size
    if n == 0:
        return 1.0
    _, place, counts = np.unique(np.abs(gaps), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = float(ranks[gaps > 0].sum())
    smaller = min(above, n * (n + 1) / 2 - above)
    if n <= 50 and bool((counts == 1).all()):
        ways = _rank_sums(n)
        return min(1.0, 2 * float(ways[: int(smaller) + 1].sum() / ways.sum()))
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((counts**3 - counts).sum()) / 48
    return 2 * float(ndtr((smaller - n * (n + 1) / 4) / np.sqrt(variance)))


def _all_signs(n: int) -> NDArray[np.int8]:
    patterns: NDArray[np.int64] = np.arange(2**n, dtype=np.int64)[:, None]
    places: NDArray[np.int64] = np.arange(n, dtype=np.int64)
    return (2 * ((patterns >> places) & 1) - 1).astype(np.int8)


def _flipped(rng: np.random.Generator, sums: Floats, rounds: int) -> list[Floats]:
    """The sum under each drawn pattern: twice the sum of those kept, less the whole."""
    at_once = max(1, _CELLS // sums.size)
    parts: list[Floats] = []
    for start in range(0, rounds, at_once):
        rows = min(at_once, rounds - start)
        packed = rng.integers(0, 256, (rows, -(-sums.size // 8)), dtype=np.uint8)
        kept = np.unpackbits(packed, axis=1, count=sums.size)
        parts.append(2 * (kept @ sums) - sums.sum())
    return parts


def _rank_sums(n: int) -> Floats:
    """In how many ways ranks 1 to n make each sum."""
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] += ways[:-rank].copy()
    return ways

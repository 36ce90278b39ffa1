"""The gate and its intervals against data of which the truth is known, and against their peers.

    make bench-truth                         about half an hour of two cores
    python -m benchmarks.truth --quick       a hundredth of the draws, writes no results

- `wrong promotions`: equal candidates that the gate's test at the level of the first look calls
  better, one cell a line. Of pass/fail items on their own the rate is summed exactly over all
  tables; elsewhere it is simulated, and the lower 95% bound of the rate must not pass 2.5%. In the
  first draws of each cell `decide` itself is asked, and must not promote where the test does not.
  Beside it, on the same draws: the t interval that other harnesses have (clustered, with
  C / (C - 1) and C - 1 degrees of freedom, which is inspect_ai's formula).
- `coverage`: how often a 95% interval holds the truth, and its width beside t's.
- `power`: what the bound costs beside t at the effect that t finds four times in five, and how
  close to the truth `plan` is.

The stories over many looks and candidates are in gates.py, and run by bench-stats; ways past the
accounting are tests (tests/evals/decision/test_evasions.py).
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.records import FOLDER, Record
from benchmarks.truths import ALONE, EXTREME, GROUPED, KINDS, PASS_FAIL, Layout, sides
from flywheel.evals.decision.decide import Evidence, decide
from flywheel.evals.decision.pairs import Pairs, Side
from flywheel.stats.arrays import Floats
from flywheel.stats.intervals import clustered_error
from flywheel.stats.means.one_by_one import Matched, Share
from flywheel.stats.paired import paired, paired_test
from flywheel.stats.power import binomial, power_of
from flywheel.stats.quantiles import normal_quantile, t_quantile
from flywheel.stats.seeds import seed_of

DRAWS = 20_000
_ALPHA = 0.025
_ASKED = 40
_NEGLIGIBLE = 1e-10
_RANGE = (0.0, 1.0)


class Wrong(NamedTuple):
    """How many of the draws of a cell were called a gain, by the gate and by t."""

    layout: str
    kind: str
    draws: int
    gate: int
    t: int


def t_low(gaps: Floats, labels: Any) -> float:
    """The lower end of the cluster-robust t interval that other harnesses have."""
    error, groups = clustered_error(gaps, labels)
    return float(gaps.mean()) - t_quantile(groups - 1, 0.95) * error


def promotes(layout: Layout, gaps: Floats) -> bool:
    """What the gate decides about a candidate that differs from its baseline by this."""
    ours, theirs = sides(gaps)
    items = tuple(map(str, range(gaps.size)))
    groups = None if layout.alone else tuple(layout.labels.tolist())
    whole = Side(gaps.size, 0), Side(gaps.size, 0)
    pairs = Pairs("g", items, theirs, ours, theirs, ours, groups, 0, whole, _RANGE)
    return decide(Evidence(primary=pairs)).outcome == "promote"


def wrong(cell: tuple[Layout, str, int]) -> Wrong:
    """Count one cell."""
    layout, kind, draws = cell
    rng = np.random.default_rng(seed_of("truth", layout.name, kind))
    labels, groups = layout.labels, len(layout.sizes)
    gate = t = 0
    for draw in range(draws):
        gaps = KINDS[kind](rng, labels, groups)
        test = paired_test(*sides(gaps), None if layout.alone else labels, _RANGE)
        better = test is not None and gaps.mean() > 0 and test.p_at_most(0.0) <= _ALPHA
        if draw < _ASKED:
            assert better or not promotes(layout, gaps), f"{cell}: the gate promotes, p does not"
        gate += better
        t += t_low(gaps, labels) > 0
    return Wrong(layout.name, kind, draws, gate, t)


def exact_rate(n: int, share: float) -> float:
    """How often n equal pass/fail pairs, this share of which differ, are called a gain."""
    counts = np.arange(n + 1)
    rate = 0.0
    for differ in counts[1:]:
        chance = float(binomial(counts[differ : differ + 1], n, share)[0])
        if chance < _NEGLIGIBLE:
            continue
        wins = np.arange(int(differ) // 2 + 1, int(differ) + 1)
        better = [Matched(w, int(differ) - w, n).p_at_most(0.0) <= _ALPHA for w in wins.tolist()]
        rate += chance * float(
            binomial(wins, int(differ), 0.5) @ np.array(better, dtype=np.float64)
        )
    return rate


def wrong_promotions(record: Record, pool: ProcessPoolExecutor, draws: int) -> None:
    """Every cell's rate, with its bounds."""
    cells = [(layout, kind, draws) for layout in (*ALONE, *GROUPED, *EXTREME) for kind in KINDS]
    for (layout, kind, _), one in zip(cells, pool.map(wrong, cells), strict=True):
        share = Share(one.gate, one.draws)
        if layout.alone and kind in PASS_FAIL:
            rate = exact_rate(len(layout.sizes), PASS_FAIL[kind])
            name = f"wrong promotions, exact: {one.layout}, {one.kind}"
            record.add(
                name, 100 * rate, "%", most=100 * _ALPHA, t=round(100 * one.t / one.draws, 3)
            )
            continue
        record.add(
            f"wrong promotions, lower bound: {one.layout}, {one.kind}",
            100 * share.low(0.05),
            "%",
            most=100 * _ALPHA,
            rate=round(100 * one.gate / one.draws, 3),
            t=round(100 * one.t / one.draws, 3),
            draws=one.draws,
        )


def covered(cell: tuple[Layout, str, int]) -> tuple[str, float, float, float, int]:
    """The coverage of the paired interval and of t, and the median ratio of their widths."""
    layout, kind, draws = cell
    rng = np.random.default_rng(seed_of("coverage", layout.name, kind))
    labels, groups = layout.labels, len(layout.sizes)
    held = by_t = said = 0
    ratios: list[float] = []
    for _ in range(draws):
        gaps = KINDS[kind](rng, labels, groups)
        found = paired(*sides(gaps), None if layout.alone else labels, range_=_RANGE)
        reach = float(gaps.mean()) - t_low(gaps, labels)
        by_t += abs(float(gaps.mean())) <= reach
        if found is not None and found.low is not None and found.high is not None:
            said += 1
            held += found.low <= 0 <= found.high
            ratios.append((found.high - found.low) / (2 * reach) if reach else 1.0)
    ratio = float(np.median(ratios)) if ratios else 0.0
    return f"{layout.name}, {kind}", held / max(said, 1), by_t / draws, ratio, said


def coverage(record: Record, pool: ProcessPoolExecutor, draws: int) -> None:
    """Every cell's coverage; cells without an interval are named as such."""
    cells = [(layout, kind, draws) for layout in (*ALONE, *GROUPED) for kind in KINDS]
    for (layout, _, _), (name, held, by_t, ratio, said) in zip(
        cells, pool.map(covered, cells), strict=True
    ):
        sizes = np.array(layout.sizes)
        few = not layout.alone and sizes.sum() ** 2 / (sizes**2).sum() < 20
        error = 100 * 1.645 * (0.05 * 0.95 / max(said, 1)) ** 0.5
        record.add(
            f"coverage of a 95% interval: {name}",
            100 * held,
            "%",
            least=(93 if few else 94) - error,
            t=round(100 * by_t, 2),
            width_beside_t=round(ratio, 3),
            draws=said,
        )


def found_by(cell: tuple[int, float, int]) -> tuple[int, float, float, float, float]:
    """How often t and the gate find the effect that t finds four times in five; what plan says."""
    n, sd, draws = cell
    rng = np.random.default_rng(seed_of("power", str(n), str(sd)))
    effect = _effect_for_t(n, sd)
    gate = t = 0
    for _ in range(draws):
        gaps = rng.uniform(-(3**0.5) * sd, 3**0.5 * sd, n) + effect
        test = paired_test(0.5 + gaps / 2, 0.5 - gaps / 2, None, (0.0, 1.0))
        gate += test is not None and test.p_at_most(0.0) <= _ALPHA
        t += t_low(gaps, np.arange(n)) > 0
    return n, sd, gate / draws, t / draws, power_of(n, effect, sd, reach=1.0)


def _effect_for_t(n: int, sd: float) -> float:
    return (normal_quantile(0.95) + normal_quantile(0.6)) * sd / n**0.5


def power(record: Record, pool: ProcessPoolExecutor, draws: int) -> None:
    """What the bound costs, and whether plan keeps its promise."""
    cells = [
        (n, sd, draws) for n, sd in ((100, 0.3), (225, 0.2), (100, 0.4), (400, 0.2), (900, 0.27))
    ]
    for n, sd, gate, t, planned in pool.map(found_by, cells):
        size = sd * n**0.5
        most = 5 if size >= 8 else 10 if size >= 4 else 15
        name = f"graded, {n} items, sd {sd}, sd x sqrt(n) {size:.1f}"
        record.add(f"power lost beside t: {name}", 100 * (t - gate), "points", most=most, t=t)
        record.add(
            f"plan less what happens: {name}",
            100 * abs(planned - gate),
            "points",
            most=3,
            plan=planned,
        )


def main(quick: bool = False) -> None:
    """Measure; exit with 1 when a figure is missed."""
    draws = DRAWS // 100 if quick else DRAWS
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor() as pool:
        record = Record("truth", Path(temporary) if quick else FOLDER)
        wrong_promotions(record, pool, draws)
        coverage(record, pool, draws // 10)
        power(record, pool, draws // 4)
    if record.missed and not quick:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])

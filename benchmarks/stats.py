"""Coverage, power and speed of the statistics.

    make bench-stats

One JSON line per figure, also in benchmarks/results/stats.jsonl. A cell is one set of true
parameters: a base rate, a discordance, a correlation within clusters. Coverage is exact for 30 and
100 pass/fail items (a sum over all tables), and simulated elsewhere (2,000 trials per cell, fixed
seeds). Coverage is discrete: at 30 items no interval is near 95% for all parameters, so each line
has the mean over its cells, and another one counts the cells outside 93 to 97%.

To add a figure, write a function that takes the record, and add it to FIGURES.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates import compare_in_a_large_store, wrong_promotions
from benchmarks.records import Record
from flywheel.stats.bootstrap import bootstrap_mean
from flywheel.stats.intervals import mean_interval
from flywheel.stats.paired import Paired, paired
from flywheel.stats.power import items_for_pass_fail, items_needed
from flywheel.stats.seeds import seed_of

TRIALS = 2_000
Array = NDArray[Any]
Ends = tuple[float | None, float | None]


class Size(NamedTuple):
    """How many items, and how many of them share a cluster."""

    items: int
    together: int

    @property
    def labels(self) -> Array | None:
        """Each item's cluster, None without clusters."""
        return None if self.together == 1 else np.arange(self.items) // self.together

    def __str__(self) -> str:
        alone = f"{self.items} items"
        return alone if self.together == 1 else f"{alone} in clusters of {self.together}"


SIZES = [Size(30, 1), Size(100, 1), Size(1000, 1), Size(30, 3), Size(100, 4), Size(1000, 10)]


class Cell(NamedTuple):
    """One set of true parameters: name, true mean, and intervals with their probabilities."""

    name: str
    truth: float
    ends: Iterable[tuple[Ends, float]]

    def coverage(self) -> float:
        """The percentage of intervals that cover the true value; a missing one covers nothing."""
        held = total = 0.0
        for (low, high), chance in self.ends:
            total += chance
            if low is not None and high is not None:
                held += chance * (low - 1e-12 <= self.truth <= high + 1e-12)
        return 100 * held / total


def ends(found: Any) -> Ends:
    """The bounds of an interval or of a comparison."""
    return (None, None) if found is None else (found.low, found.high)


def correlations(size: Size) -> list[float]:
    """The correlation of items within a cluster; 0 without clusters."""
    return [0.0] if size.together == 1 else [0.05, 0.2]


def shares(rng: np.random.Generator, share: list[float], size: Size, alike: float) -> Array:
    """The outcome of each item; each cluster draws its own probabilities around the common ones."""
    if not alike:
        return rng.choice(len(share), size.items, p=share)
    own = rng.dirichlet(np.array(share) * (1 / alike - 1), -(-size.items // size.together))
    each = own[np.arange(size.items) // size.together]
    return (rng.random(size.items)[:, None] > each.cumsum(axis=1)[:, :-1]).sum(axis=1)


def binomials(counts: Array, share: list[float]) -> Array:
    """The probability of each row of counts."""
    from scipy.special import gammaln, xlogy

    ways = gammaln(counts.sum(1) + 1) - gammaln(counts + 1).sum(1)
    return np.exp(ways + xlogy(counts, np.array(share)).sum(1))


def pass_fail_means(size: Size) -> Iterator[Cell]:
    """One model's pass rate."""
    for alike in correlations(size):
        for rate in (0.5, 0.6, 0.7, 0.8, 0.9):
            name = f"{rate:.0%} pass, {alike} alike"
            if size.labels is None:
                passed = np.arange(size.items + 1)
                counts = np.stack([passed, size.items - passed], axis=1)
                chances = binomials(counts, [rate, 1 - rate])
                kept = [(int(k), float(c)) for k, c in zip(passed, chances, strict=True)]
                found = ((ends(mean_interval(table(k, size.items))), c) for k, c in kept)
            else:
                found = simulated(
                    f"{size} {name}",
                    lambda rng, rate=rate, alike=alike: mean_interval(
                        shares(rng, [1 - rate, rate], size, alike).astype(float), size.labels
                    ),
                )
            yield Cell(name, rate, found)


def table(ones: int, n: int) -> Array:
    """An array with this many ones, then zeros."""
    return (np.arange(n) < ones).astype(np.float64)


def simulated(
    name: str, trial: Callable[[np.random.Generator], Any]
) -> Iterator[tuple[Ends, float]]:
    """The intervals of all trials, with equal weights."""
    rng = np.random.default_rng(seed_of(name))
    return ((ends(trial(rng)), 1.0) for _ in range(TRIALS))


def tables(wins: int, losses: int, n: int) -> Paired:
    """The comparison of n pass/fail pairs with these numbers of wins and losses."""
    found = paired(table(wins, n), table(wins + losses, n) - table(wins, n))
    assert found is not None
    return found


def pass_fail_pairs(size: Size) -> Iterator[Cell]:
    """Two models, where 10 to 30% of the items are passed by only one."""
    every: dict[tuple[int, int], Ends] = {}
    n = size.items
    for alike in correlations(size):
        for differ in (0.1, 0.15, 0.2, 0.25, 0.3):
            for gain in (0.0, 0.05):
                name = f"{differ:.0%} differ, {gain:.0%} gained" + (
                    f", {alike} alike" if alike else ""
                )
                share = [(differ + gain) / 2, (differ - gain) / 2, 1 - differ]
                if alike:
                    found = simulated(
                        f"{size} {name}",
                        lambda rng, share=share, alike=alike: compare(
                            shares(rng, share, size, alike), size
                        ),
                    )
                elif n <= 100:
                    found = enumerated(n, share, every)
                else:
                    rng = np.random.default_rng(seed_of(f"{size} {name}"))
                    drawn = rng.multinomial(n, share, TRIALS)[:, :2].tolist()
                    found = ((ends(tables(won, lost, n)), 1.0) for won, lost in drawn)
                yield Cell(name, gain, found)


def enumerated(
    n: int, share: list[float], every: dict[tuple[int, int], Ends]
) -> Iterator[tuple[Ends, float]]:
    """The interval of each table with its probability; negligible tables are left out."""
    counts = np.array([(w, m - w, n - m) for m in range(n + 1) for w in range(m + 1)])
    chances = binomials(counts, share)
    for (won, lost, _), chance in zip(counts.tolist(), chances.tolist(), strict=True):
        if chance > 1e-9:
            if (won, lost) not in every:
                every[won, lost] = ends(tables(won, lost, n))
            yield every[won, lost], chance


def compare(outcome: Array, size: Size) -> Paired | None:
    """Outcomes 0, 1 and 2 are won, lost and tied."""
    return paired((outcome == 0).astype(float), (outcome == 1).astype(float), size.labels)


def rubric(ease: Array, gain: float) -> Array:
    """Scores of 0 to 4 quarters."""
    return np.clip(np.round(2.5 + gain + ease), 0, 4) / 4


def rubric_mean(gain: float, spread: float) -> float:
    """The true mean of such scores."""
    from scipy.special import ndtr

    return float(ndtr((3 + gain - np.arange(1, 5)) / spread).mean())


def latent(rng: np.random.Generator, size: Size, alike: float) -> Array:
    """The easiness of each item: normal, correlated within clusters."""
    own = rng.normal(0, 1, size.items)
    if not alike:
        return own
    shared = rng.normal(0, 1, size.items)[np.arange(size.items) // size.together]
    return np.sqrt(alike) * shared + np.sqrt(1 - alike) * own


def graded_means(size: Size) -> Iterator[Cell]:
    """One model's mean of rubric scores."""
    for alike in correlations(size):
        for gain in (-0.5, 0.0, 0.5):
            name = f"rubric moved by {gain}, {alike} alike"

            def trial(rng: np.random.Generator, gain: float = gain, alike: float = alike) -> Any:
                return mean_interval(rubric(latent(rng, size, alike), gain), size.labels)

            yield Cell(name, rubric_mean(gain, 1.0), simulated(f"{size} {name}", trial))


def graded_pairs(size: Size) -> Iterator[Cell]:
    """Two models' rubric scores; and scores of which half tie, the others gaining 0.1."""
    for alike in correlations(size):
        for gain in (0.0, 0.2):
            name = f"rubric gaining {gain}, {alike} alike"
            spread = np.sqrt(1 + 0.6**2)
            truth = rubric_mean(gain, spread) - rubric_mean(0.0, spread)

            def trial(rng: np.random.Generator, gain: float = gain, alike: float = alike) -> Any:
                common = latent(rng, size, alike)
                # The models' own parts are correlated within clusters too.
                ours, theirs = (common + 0.6 * latent(rng, size, alike) for _ in range(2))
                return paired(rubric(ours, gain), rubric(theirs, 0.0), size.labels)

            yield Cell(name, truth, simulated(f"{size} {name}", trial))
    if size.labels is None:
        yield Cell("half tie", 0.05, simulated(f"{size} half tie", lambda rng: half_tie(rng, size)))


def half_tie(rng: np.random.Generator, size: Size) -> Any:
    """Differences of which half are 0."""
    gaps = np.where(rng.random(size.items) < 0.5, rng.normal(0.1, 0.2, size.items), 0.0)
    return paired(0.5 + gaps, np.full(size.items, 0.5))


def measure_coverage(record: Record) -> None:
    """95% intervals cover the true value in 93 to 97% of cases."""
    for kind in (pass_fail_means, pass_fail_pairs, graded_means, graded_pairs):
        for size in SIZES:
            cells = {cell.name: round(cell.coverage(), 2) for cell in kind(size)}
            outside = {name: held for name, held in cells.items() if not 93 <= held <= 97}
            what = f"{kind.__name__.replace('_', ' ')}, {size}"
            mean = statistics.fmean(cells.values())
            known = {"coverage": round(mean, 2)}
            known |= {"lowest": min(cells.values()), "highest": max(cells.values())}
            record.add(f"mean coverage off 95, {what}", abs(mean - 95), "points", most=2, **known)
            record.add(
                f"cells outside 93 to 97, {what}",
                len(outside),
                f"of {len(cells)}",
                most=0,
                **outside,
            )


def found_by_tables(n: int, gain: float, differ: float) -> float:
    """The percentage of comparisons of n pass/fail pairs whose interval excludes 0."""
    share = [(differ + gain) / 2, (differ - gain) / 2, 1 - differ]
    rng = np.random.default_rng(seed_of("power", str(n), str(gain), str(differ)))
    drawn, times = np.unique(rng.multinomial(n, share, TRIALS), axis=0, return_counts=True)
    kept = [tables(int(wins), int(losses), n).low for wins, losses, _ in drawn]
    return (
        100
        * sum(
            int(count)
            for low, count in zip(kept, times, strict=True)
            if low is not None and low > 0
        )
        / TRIALS
    )


def found_by_trials(name: str, trial: Callable[[np.random.Generator], Any]) -> float:
    """The same for simulated comparisons."""
    kept = [low for (low, _), _ in simulated(name, trial)]
    return 100 * sum(low is not None and low > 0 for low in kept) / TRIALS


def graded_gain(rng: np.random.Generator, size: Size, gain: float, sd: float, alike: float) -> Any:
    """Scores whose differences have this mean and standard deviation."""
    gaps = gain + sd * latent(rng, size, alike)
    return paired(0.5 + gaps, np.full(size.items, 0.5), size.labels)


def measure_power(record: Record) -> None:
    """The power predicted by power.py, at 80% and 90%, against the actual power."""
    cells: dict[str, float] = {}
    for gain, differ in ((0.1, 0.2), (0.1, 0.3), (0.05, 0.1), (0.05, 0.2), (0.03, 0.1)):
        for power in (0.8, 0.9):
            n = items_for_pass_fail(gain, differ, power)
            name = f"pass/fail, {gain:.0%} of {differ:.0%}, {n} items"
            cells[name] = found_by_tables(n, gain, differ) - 100 * power
    for gain, sd in ((0.05, 0.2), (0.1, 0.25)):
        for together, alike in ((1, 0.0), (4, 0.2)):
            n = items_needed(gain, sd, 0.8, design=1 + (together - 1) * alike)
            size = Size(-(-n // together) * together, together)
            name = f"graded, {gain} of {sd}, {size}"
            cells[name] = (
                found_by_trials(
                    name,
                    lambda rng, size=size, gain=gain, sd=sd, alike=alike: graded_gain(
                        rng, size, gain, sd, alike
                    ),
                )
                - 80
            )
    rounded = {name: round(off, 2) for name, off in cells.items()}
    worst = max(abs(off) for off in cells.values())
    record.add("power off what was promised, worst cell", worst, "points", most=3, **rounded)
    n = items_for_pass_fail(0.05, 0.2)
    record.add(
        f"a gain of 5 points, 20% differ, {n} items: found off 80",
        abs(cells[f"pass/fail, 5% of 20%, {n} items"]),
        "points",
        most=2,
    )


def seconds(work: Callable[[int], object]) -> float:
    """The median CPU time of five runs, after a warm-up run."""
    work(0)
    spent: list[float] = []
    for seed in range(1, 6):
        start = time.process_time()
        work(seed)
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def measure_speed(record: Record) -> None:
    """10,000 items, 10,000 rounds, BCa."""
    scores = np.random.default_rng(1).random(10_000)
    passes = np.where(scores < 0.3, 1.0, 0.0)
    record.add(
        "bootstrap, 10,000 scores, 10,000 rounds",
        seconds(lambda seed: bootstrap_mean(scores, seed)),
        "s of CPU",
        most=0.6,
    )
    record.add(
        "bootstrap, 10,000 passes, 10,000 rounds",
        1e3 * seconds(lambda seed: bootstrap_mean(passes, seed)),
        "ms of CPU",
        most=20,
    )
    record.add(
        "paired comparison, 10,000 passes",
        1e3 * seconds(lambda seed: paired(passes, np.roll(passes, seed))),
        "ms of CPU",
    )


def measure_gate(record: Record) -> None:
    """Promotions of a candidate that is not better, and a comparison in a large store."""
    for story, share in wrong_promotions(TRIALS):
        record.add(f"wrong promotions: {story}", share, "of 2,000 trials", most=0.05)
    with tempfile.TemporaryDirectory() as scratch:
        seconds_taken = compare_in_a_large_store(Path(scratch))
    figure = "compare 2 runs x 10,000 items x 5 graders among 10,000,000 scores"
    record.add(figure, seconds_taken, "s", most=1.0)


FIGURES: tuple[Callable[[Record], None], ...] = (
    measure_coverage,
    measure_power,
    measure_speed,
    measure_gate,
)


def main() -> None:
    """Measure everything; exit with 1 if a figure misses its target."""
    record = Record("stats")
    for measure in FIGURES:
        measure(record)
    if record.missed:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main()

"""Compare: is a candidate better than the baseline, on the same items, and how sure is that?

One run is the baseline, one or more are candidates. Each grader gets its paired difference; the
primary one also the p value adjusted for how many candidates there are (Holm), its slices with p
values adjusted for how many slices there are, and the items that were fixed or broken.

    comparison = compare(store, "run-a", ["run-b"])
    comparison.candidates[0].graders["exact"].paired.low
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flywheel.errors import BadOption, NotComparable
from flywheel.evals.decision.pairs import ItemFacts, Pairs, load_facts, load_pairs
from flywheel.evals.floors.above_floor import AboveFloor, above_floor
from flywheel.evals.floors.floors import load_floors
from flywheel.evals.results.results import definition_of, the_run
from flywheel.outputs import runs as outputs
from flywheel.stats.many.multiple import holm
from flywheel.stats.paired import Paired
from flywheel.stats.power import minimum_effect
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow, run_seconds, run_status
from flywheel.store.tables.samples import Cost, load_cost, median_seconds

if TYPE_CHECKING:
    import numpy as np

# A slice of fewer items says nothing that could be relied upon.
_SMALLEST_SLICE = 8


@dataclass(frozen=True, slots=True)
class GraderComparison:
    """What one grader says of a candidate against the baseline.

    `role` is primary, guard, audit or other. `adjusted` is p adjusted for all candidates (primary
    only). `mde` is the smallest true difference that the items detect with 80% power, None where
    that is more than scores of 0 to 1 can differ.
    `fixed` and `broken` items passed with one of the two only.
    """

    grader: str
    role: str
    pairs: Pairs
    paired: Paired | None
    adjusted: float | None
    mde: float | None
    fixed: int
    broken: int

    def as_json(self) -> outputs.GraderComparison:
        """The object that `compare --json` has for each grader."""
        found = self.paired
        before, after = self.pairs.sides
        return {
            "role": self.role,
            "baseline": _mean(self.pairs.baseline),
            "candidate": _mean(self.pairs.candidate),
            "difference": found and found.difference,
            "low": found and found.low,
            "high": found and found.high,
            "p": found and found.p,
            "p_adjusted": self.adjusted,
            "wins": found.wins if found else 0,
            "losses": found.losses if found else 0,
            "ties": found.ties if found else 0,
            "fixed": self.fixed,
            "broken": self.broken,
            "mde": self.mde,
            "n": found.n if found else 0,
            "clusters": found.clusters if found else 0,
            "method": found.method if found else "none",
            "missing": self.pairs.missing,
            "ungraded": {"baseline": before.ungraded, "candidate": after.ungraded},
        }


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """The items that share a tag, by the primary grader; `adjusted` for the number of slices."""

    tag: str
    paired: Paired
    adjusted: float | None

    def as_json(self) -> outputs.SliceComparison:
        """The slice as `compare --json` has it."""
        found = self.paired
        return {
            "slice": self.tag,
            "n": found.n,
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "p": found.p,
            "p_adjusted": self.adjusted,
        }


@dataclass(frozen=True, slots=True)
class Spending:
    """What the answers of a run took.

    `seconds` are those of the run, pauses left out, None where they are not known or all answers
    came from the cache. `latency` is the median wait for one answer, among those in flight with it.
    """

    cost: Cost
    seconds: float | None
    latency: float | None

    def as_json(self) -> outputs.Spending:
        """The figures that stand side by side. Tokens and price leave cached answers out."""
        return {
            "tokens": self.cost.prompt_tokens + self.cost.completion_tokens,
            "price": self.cost.price,
            "cached": self.cost.cached,
            "seconds": self.seconds,
            "latency": self.latency,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate against the baseline. `floor` is None where no floors were measured."""

    run: RunRow
    graders: dict[str, GraderComparison]
    slices: tuple[SliceComparison, ...]
    spending: Spending
    floor: AboveFloor | None = None

    @property
    def primary(self) -> GraderComparison | None:
        """The comparison that decides, None when the primary grader has no verdict at all."""
        return self.graders.get(self.run.primary_grader)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A baseline and its candidates. `unfinished` has a sentence for each run that is not whole."""

    baseline: RunRow
    spending: Spending
    candidates: tuple[Candidate, ...]
    facts: ItemFacts
    unfinished: tuple[str, ...] = ()

    def as_json(self) -> outputs.Comparison:
        """The object that `compare --json` prints. With one candidate, its graders are on top."""
        row = self.baseline
        found: outputs.Comparison = {
            "baseline": row.run,
            "evalset": row.evalset,
            "split": row.split,
            "primary": row.primary_grader,
            "spending": self.spending.as_json(),
            "candidates": [
                {
                    "run": one.run.run,
                    "model": one.run.model,
                    "graders": {name: g.as_json() for name, g in one.graders.items()},
                    "slices": [part.as_json() for part in one.slices],
                    "spending": one.spending.as_json(),
                    "floors": one.floor and one.floor.as_json(),
                }
                for one in self.candidates
            ],
        }
        if len(self.candidates) == 1:
            found["candidate"] = self.candidates[0].run.run
            found["graders"] = found["candidates"][0]["graders"]
        return found


def compare(store: Reader, baseline: str, candidates: Sequence[str]) -> Comparison:
    """Compare candidates with a baseline. Raises NoRun, NotComparable, BadOption."""
    base, rows = the_run(store, baseline), [the_run(store, name) for name in candidates]
    if len({base.run, *(row.run for row in rows)}) <= len(rows) or not rows:
        named = ", ".join([baseline, *candidates])
        raise BadOption(f"wanted a baseline and other runs, each once, got {named}")
    facts = load_facts(store, [base, *rows])
    roles = roles_of(store, base)
    compared = [_candidate(store, base, row, facts, roles) for row in rows]
    spending = load_spending(store, base)
    sides = [(base, spending), *((one.run, one.spending) for one in compared)]
    unfinished = tuple(
        told for row, spent in sides if (told := _unfinished(store, row, spent.cost))
    )
    return Comparison(base, spending, _adjusted(compared), facts, unfinished)


def _unfinished(store: Reader, row: RunRow, cost: Cost) -> str:
    """What an unfinished run lacks, "" for a finished one."""
    status = run_status(store, row.run)
    if status in (None, "finished"):
        return ""
    if row.kind == "import":
        return f"{row.run} is unfinished: its log holds less than it counts."
    there, planned = cost.samples - cost.errors, row.items * row.repeats
    return f"{row.run} is unfinished ({status}): {there:,} of {planned:,} answers."


def roles_of(store: Reader, run: RunRow) -> dict[str, str]:
    """What each grader is there for, by name; one that is not named here is `other`."""
    definition = definition_of(store, run)
    return {
        **dict.fromkeys(definition.get("audit", ()), "audit"),
        **dict.fromkeys(definition.get("guards", {}), "guard"),
        run.primary_grader: "primary",
    }


def load_spending(store: Reader, run: RunRow) -> Spending:
    """What the answers of a run took."""
    cost, latency = load_cost(store, run.sampled), median_seconds(store, run.sampled)
    asked = cost.samples > cost.cached and run.kind != "import"
    return Spending(cost, run_seconds(store, run.sampled) if asked else None, latency)


def compare_pairs(pairs: Pairs, role: str = "other") -> GraderComparison:
    """What pairs say. The whole of the statistics of one grader: no store, no words."""
    found = pairs.difference()
    return GraderComparison(
        grader=pairs.grader,
        role=role,
        pairs=pairs,
        paired=found,
        adjusted=None,
        mde=_mde(pairs, found),
        fixed=int(pairs.fixed.sum()),
        broken=int(pairs.broken.sum()),
    )


def design_of(pairs: Pairs) -> float:
    """The design effect of the clusters: so many of these items are worth one on its own."""
    from flywheel.stats.arrays import differences
    from flywheel.stats.intervals import effective_items

    if pairs.clusters is None or not len(pairs.items):
        return 1.0
    alone = effective_items(differences(pairs.candidate, pairs.baseline), pairs.clusters)[0]
    return len(pairs.items) / alone if alone else 1.0


def reach_of(pairs: Pairs, found: Paired) -> float | None:
    """How far a score can fall, for planning; pass/fail is planned by its own tests."""
    return pairs.reach if found.method in ("gaffke", "groups") else None


def _mde(pairs: Pairs, found: Paired | None) -> float | None:
    import numpy as np

    if found is None or not found.sd:
        return None
    least = minimum_effect(found.n, found.sd, design=design_of(pairs), reach=reach_of(pairs, found))
    most = max(float(np.abs(side - 0.5).max()) for side in (pairs.baseline, pairs.candidate))
    return None if least is None or (most <= 0.5 and least > 1.0) else least


def _candidate(
    store: Reader, base: RunRow, row: RunRow, facts: ItemFacts, roles: dict[str, str]
) -> Candidate:
    by_grader = load_pairs(store, base, row, facts)
    graders = {name: compare_pairs(p, roles.get(name, "other")) for name, p in by_grader.items()}
    primary = by_grader.get(base.primary_grader)
    if primary is None or not primary.items:
        raise NotComparable(
            f"{base.run} and {row.run} have no item in common that {base.primary_grader!r} graded"
            " in both; finish both runs (flywheel eval --resume), or name others"
        )
    slices, spending = _slices(primary, facts), load_spending(store, row)
    theirs, ours = load_floors(store, base.run), load_floors(store, row.run)
    floor = ours and above_floor(store, primary, (row, ours), (base, theirs or ours))
    return Candidate(row, graders, slices, spending, floor)


def _slices(primary: Pairs, facts: ItemFacts) -> tuple[SliceComparison, ...]:
    import numpy as np

    members: dict[str, list[int]] = {}
    for number, item in enumerate(primary.items):
        for tag, value in facts.tags.get(item, {}).items():
            members.setdefault(f"{tag}={value}", []).append(number)
    found: list[SliceComparison] = []
    for tag in sorted(members):
        keep: np.ndarray[Any, Any] = np.zeros(len(primary.items), dtype=np.bool_)
        keep[members[tag]] = True
        part = primary.only(keep)
        result = part.difference()
        if result is not None and result.n >= _SMALLEST_SLICE:
            found.append(SliceComparison(tag, result, None))
    ps = _holm([part.paired for part in found])
    return tuple(replace(part, adjusted=p) for part, p in zip(found, ps, strict=True))


def _adjusted(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Primary p values adjusted for the number of candidates."""
    ps = _holm([one.primary and one.primary.paired for one in candidates])
    return tuple(
        replace(one, graders={**one.graders, name: replace(one.graders[name], adjusted=p)})
        for one, p in zip(candidates, ps, strict=True)
        for name in [one.run.primary_grader]
    )


def _holm(tests: Sequence[Paired | None]) -> list[float | None]:
    """Adjusted p values; None where there is no p."""
    known = [index for index, test in enumerate(tests) if test and test.p is not None]
    ps = [test.p for test in tests if test and test.p is not None]
    found: list[float | None] = [None] * len(tests)
    for index, p in zip(known, holm(ps), strict=True):
        found[index] = float(p)
    return found


def _mean(values: Any) -> float | None:
    return float(values.mean()) if values.size else None

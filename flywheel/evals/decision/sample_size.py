"""Planning: how many items a gain takes, and what the items that there are can show.

What matters is the spread of the differences between two runs. It is taken from two runs that are
named, or assumed from the share of items on which the two would differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flywheel.errors import BadOption
from flywheel.evals.decision.compare import design_of, reach_of
from flywheel.evals.decision.pairs import load_facts, load_pairs
from flywheel.evals.evalset.evalset import SPLITS, Evalset, Split
from flywheel.evals.results.results import Result, load_result, the_run
from flywheel.outputs import runs as outputs
from flywheel.stats.many.sequential import alpha_at
from flywheel.stats.power import (
    items_for_pass_fail,
    items_needed,
    minimum_effect,
    paired_sd,
)
from flywheel.store.reader import Reader
from flywheel.store.tables.decisions import find_baseline

_EFFECTS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one wants to be able to show. `look` counts the looks at the sealed split."""

    effect: float = 0.05
    power: float = 0.8
    look: int = 1
    discordance: float = 0.2

    @property
    def alpha(self) -> float:
        """The two-sided level that this look has."""
        return 2 * alpha_at(self.look)


@dataclass(frozen=True, slots=True)
class Spread:
    """How differences spread. `sd` None stands for pass/fail items of this discordance; `reach` is
    how far a score can fall, where the grader declares its range.
    """

    sd: float | None
    design: float
    source: str
    discordance: float
    reach: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many items show which effect, what each split can show, and what the answers cost."""

    evalset: str
    wish: Wish
    spread: Spread
    items: int
    table: tuple[tuple[float, int], ...]
    splits: dict[str, tuple[int, float | None]]
    baseline: Result | None

    def as_json(self) -> outputs.Plan:
        """The object that `plan --json` prints."""
        return {
            "evalset": self.evalset,
            "effect": self.wish.effect,
            "power": self.wish.power,
            "look": self.wish.look,
            "spread": self.spread.source,
            "design": self.spread.design,
            "items": self.items,
            "table": [{"effect": effect, "items": items} for effect, items in self.table],
            "splits": {
                name: {"items": items, "mde": mde} for name, (items, mde) in self.splits.items()
            },
            "price": self.price,
            "seconds": self.seconds,
        }

    @property
    def price(self) -> float | None:
        """Dollars for so many answers, as the baseline's answers cost."""
        known, asked = self._asked()
        return self.items * known.cost.price / asked if known and known.cost.price else None

    @property
    def seconds(self) -> float | None:
        """Seconds that so many answers take, at the rate of the baseline's run."""
        known, asked = self._asked()
        return self.items * known.seconds / asked if known else None

    def _asked(self) -> tuple[Result | None, int]:
        """The baseline and how many answers it was really asked for; cached ones take nothing."""
        asked = self.baseline.cost.samples - self.baseline.cost.cached if self.baseline else 0
        return (self.baseline, asked) if asked else (None, 0)


def forecast(
    evalset: Evalset, wish: Wish, store: Reader | None = None, runs: Sequence[str] = ()
) -> Forecast:
    """What it takes to show the wished effect. `runs` is a pair that tells the spread, or none.

    Raises BadOption for an effect that the discordance cannot bring about.
    """
    if not 0 < wish.effect <= 1 or not 0 < wish.power < 1 or not 0 < wish.discordance <= 1:
        raise BadOption(
            "wanted --effect and --discordance above 0 and at most 1, and --power between 0 and 1,"
            f" got {wish.effect}, {wish.discordance} and {wish.power}"
        )
    spread = _spread(wish, store, runs)
    if spread.sd is None and wish.effect > spread.discordance:
        raise BadOption(
            f"a gain of {wish.effect} needs at least so many items to differ: give --discordance"
            f" {wish.effect} or more, got {wish.discordance}"
        )
    if spread.sd == 0.0:
        raise BadOption(f"{' and '.join(runs)} agree on every item: they tell no spread")
    effects = sorted({*_EFFECTS, wish.effect})
    table = [(effect, _items(effect, wish, spread)) for effect in effects]
    newest = find_baseline(store, evalset.digest, "dev") if store else None
    return Forecast(
        evalset=evalset.name,
        wish=wish,
        spread=spread,
        items=next(items for effect, items in table if effect == wish.effect and items),
        table=tuple((effect, items) for effect, items in table if items is not None),
        splits={
            name: _can_show(evalset, name, wish, spread)
            for name in SPLITS
            if evalset.split(name).path.is_file()
        },
        baseline=load_result(store, newest.run) if store and newest else None,
    )


def _spread(wish: Wish, store: Reader | None, runs: Sequence[str]) -> Spread:
    if not runs or store is None:
        told = f"assumed: {wish.discordance:.0%} of the items pass in one of the two runs only"
        return Spread(None, 1.0, told, wish.discordance)
    if len(runs) != 2:
        raise BadOption(f"wanted two runs that tell the spread, got {', '.join(runs)}")
    one, other = (the_run(store, name) for name in runs)
    facts = load_facts(store, [one, other])
    pairs = load_pairs(store, one, other, facts)[one.primary_grader]
    gaps = pairs.candidate - pairs.baseline
    sd, design = float(gaps.std(ddof=1)), design_of(pairs)
    differ = float((gaps != 0).mean())
    told = f"measured on {gaps.size} items of {one.run} and {other.run}: {differ:.0%} differ"
    if design > 1.05:
        told += f", and groups make one item of every {design:.1f}"
    found = pairs.difference()
    if found is not None and found.method == "tango":
        return Spread(None if differ else 0.0, design, told, differ)
    return Spread(sd, design, told, differ, found and reach_of(pairs, found))


def _items(effect: float, wish: Wish, spread: Spread) -> int | None:
    if spread.sd is not None:
        return items_needed(effect, spread.sd, wish.power, wish.alpha, spread.design, spread.reach)
    if effect > spread.discordance:
        return None
    return items_for_pass_fail(effect, spread.discordance, wish.power, wish.alpha)


def _can_show(
    evalset: Evalset, split: Split, wish: Wish, spread: Spread
) -> tuple[int, float | None]:
    """How many items a split has, and the smallest effect that they show with that power.

    None where they are too few to show any.
    """
    items = sum(1 for _ in evalset.split(split).lines())
    sd = paired_sd(spread.discordance, 0.0) if spread.sd is None else spread.sd
    least = minimum_effect(items, sd, wish.power, wish.alpha, spread.design, spread.reach)
    # Not more can be gained than items differ, nor than scores of 0 to 1 do.
    most = spread.discordance if spread.sd is None else 1.0
    return items, None if least is None or (least > most and sd <= 1.0) else least

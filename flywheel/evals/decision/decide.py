"""Decide: promote the candidate, keep the baseline, or say what would decide it.

Nothing here reads a store: evidence in, decision out, so that a simulation can ask it a million
times. A candidate is promoted when every check passes. One check that fails keeps the baseline;
one that is open leaves it undecided, and says how many items would close it.

The chance to promote a candidate that is no better is under `alpha` for a sealed split, however
many candidates look at it: the k-th look has its own level, alpha / (k (k + 1)), and all of them
together spend alpha (see stats/sequential.py). The first look is the ordinary 95% interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flywheel.evals.decision.compare import design_of, reach_of
from flywheel.evals.decision.pairs import Pairs
from flywheel.evals.floors.above_floor import AboveFloor
from flywheel.outputs import runs as outputs
from flywheel.stats.many.multiple import holm
from flywheel.stats.many.sequential import alpha_at
from flywheel.stats.means.grouped import FEWEST_GROUPS
from flywheel.stats.paired import Paired
from flywheel.stats.power import items_needed

Outcome = Literal["promote", "keep", "undecided"]
State = Literal["pass", "fail", "open"]
# One-sided: a guard is held, and an audit has fallen, at the level of a 95% interval.
_GUARD_ALPHA = 0.025
_NO_RANGE = (
    "{grader} declares no range of its scores, so losses that were not seen have no limit: add"
    " `range: [low, high]` to it and grade both runs again (flywheel regrade)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a promotion asks for.

    The gain must be shown to be above `margin`. A gain of `effect` is the smallest that is worth
    the trouble: once it is excluded, the baseline is kept. `alpha` is the chance of a wrong
    promotion over all looks at a split, `most_ungraded` the share of samples without a verdict.
    Only a `non_inferior` rule has a margin below 0: the candidate may then be worse by that much.
    A `fresh` one decides by the items that no other candidate has read. Without `ledger` the reads
    by other stores do not count.
    """

    margin: float = 0.0
    effect: float = 0.05
    alpha: float = 0.05
    power: float = 0.8
    most_ungraded: float = 0.02
    non_inferior: bool = False
    fresh: bool = False
    ledger: bool = True


@dataclass(frozen=True, slots=True)
class Answers:
    """Of `n` pairs of answers `differ` differ; of one and the same model at most `by_chance` would.

    `by_chance` is None if a model differs from itself too often for a comparison. `same` is true
    where it is known to be the same model, with the same prompt and sampling.
    """

    n: int
    differ: int
    by_chance: int | None
    same: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a candidate.

    `guards` have their margins. `look` counts the looks at the sealed split, this one included, and
    `tried` the candidates that were chosen among on these very items. `seeds` are the gains of the
    lever's other seeds, None for a candidate that was not trained. `sealed` is why the split is
    not one that no lever saw, "" when it is, and `changes` the rules that changed since the first
    look at its items. `answers` says how many answers of baseline and candidate differ, None where
    they were not kept; `served` is the share of answers in which the artifact that will be served
    agrees with the one that was measured, None when that was not asked. `floor` is the candidate
    beside answers that take no skill, None if that is not checked.
    """

    primary: Pairs
    guards: Sequence[tuple[Pairs, float]] = ()
    audits: Sequence[Pairs] = ()
    look: int = 1
    tried: int = 1
    seeds: Sequence[float] | None = None
    sealed: str = ""
    changes: Sequence[str] = ()
    answers: Answers | None = None
    served: float | None = None
    floor: AboveFloor | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a promotion asks for, and why it passes or fails. `items` would decide it."""

    name: str
    state: State
    reason: str
    items: int | None = None

    def as_json(self) -> outputs.Check:
        """The check as `gate --json` has it."""
        return {"check": self.name, "state": self.state, "reason": self.reason, "items": self.items}


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome with every reason. `level` is the level of the interval that decided."""

    outcome: Outcome
    checks: tuple[Check, ...]
    gain: Paired | None
    look: int
    alpha: float

    @property
    def level(self) -> float:
        """The level of the two-sided interval whose lower end decided."""
        return 1 - 2 * self.alpha

    @property
    def items(self) -> int | None:
        """How many items would decide what is open, None when items alone would not."""
        wanted = [check.items for check in self.checks if check.items is not None]
        return max(wanted) if wanted and self.outcome == "undecided" else None

    def as_json(self) -> outputs.Decision:
        """The object that `gate --json` prints."""
        gain = self.gain
        return {
            "decision": self.outcome,
            "difference": gain and gain.difference,
            "low": gain and gain.low,
            "high": gain and gain.high,
            "p": gain and gain.p,
            "n": gain.n if gain else 0,
            "clusters": gain.clusters if gain else 0,
            "level": self.level,
            "look": self.look,
            "items_that_would_decide": self.items,
            "reasons": [check.as_json() for check in self.checks],
        }


def decide(evidence: Evidence, rules: Rules | None = None) -> Decision:
    """The decision that the evidence allows."""
    rules = rules or Rules()
    alpha = alpha_at(evidence.look, rules.alpha) / evidence.tried
    gain = evidence.primary.difference(1 - 2 * alpha)
    checks = [
        _sealed(evidence),
        Check(f"gain: {evidence.primary.grader}", *_above(evidence.primary, gain, alpha, rules)),
        *([] if evidence.floor is None else [_floor(evidence.floor, alpha, rules)]),
        *_guards(evidence.guards, rules),
        *(_audit(pairs) for pairs in evidence.audits),
        _ungraded(evidence, rules),
        _artifact(evidence),
    ]
    if evidence.seeds is not None:
        checks.append(_seeds(gain, evidence.seeds, rules))
    states = {check.state for check in checks}
    outcome: Outcome = (
        "keep" if "fail" in states else "undecided" if "open" in states else "promote"
    )
    return Decision(outcome, tuple(checks), gain, evidence.look, alpha)


def points(share: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * share:+.1f}"


def p_of(value: float | None) -> str:
    """A p value as it is printed, everywhere: never 0, and never more than it is."""
    return "-" if value is None else "<.001" if value < 0.001 else f"{value:.3f}"


def counted(n: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def there_are(n: int) -> str:
    """How many items there are, in words."""
    return f"there {'is' if n == 1 else 'are'} {n:,}"


def _sealed(evidence: Evidence) -> Check:
    if evidence.sealed:
        return Check("sealed", "open", evidence.sealed)
    told = f"look {evidence.look} at a split that no lever saw"
    if evidence.changes:
        told += f"; the rules changed since the first look: {', '.join(evidence.changes)}"
    return Check("sealed", "pass", told)


def _above(
    pairs: Pairs, gain: Paired | None, alpha: float, rules: Rules
) -> tuple[State, str, int | None]:
    """Whether a gain is shown to be above the margin; if not, how many items would show it."""
    if gain is None or gain.low is None or gain.high is None:
        more_items_help = gain is None or not gain.has_too_few_groups
        wanted = _wanted(pairs, gain, alpha, rules) if more_items_help else None
        return "open", _no_interval(gain), wanted
    level = f"{100 * (1 - 2 * alpha):.4g}%"
    shown = f"{points(gain.difference)} points ({level} {points(gain.low)} to {points(gain.high)})"
    if gain.low > rules.margin and not gain.bounded:
        return "open", f"{shown}, but {_NO_RANGE.format(grader=pairs.grader)}", None
    if gain.low > rules.margin:
        return "pass", f"{shown}, above {points(rules.margin)}", None
    if gain.high <= rules.margin:
        return "fail", f"{shown}: not above {points(rules.margin)}", None
    least = points(rules.margin + rules.effect)
    if gain.high < rules.margin + rules.effect:
        return "fail", f"{shown}: a gain of {least} points is excluded", None
    wanted = _wanted(pairs, gain, alpha, rules)
    goal = "to show a gain" if gain.difference > rules.margin else f"to exclude a gain of {least}"
    return "open", f"{shown}: needs about {wanted:,} items {goal}; {there_are(gain.n)}", wanted


def _no_interval(gain: Paired | None) -> str:
    """Why the data give no interval."""
    if gain is None or not gain.has_too_few_groups:
        return "too few items to say anything"
    return (
        f"{gain.n:,} items in {counted(gain.clusters, 'group')} count as {gain.effective:.1f}"
        f" groups of one size, and an interval needs {FEWEST_GROUPS:g}: add items of other groups"
    )


def _floor(floor: AboveFloor, alpha: float, rules: Rules) -> Check:
    """Whether the candidate is shown to be above the highest floor, by the rule of the gain."""
    if floor.one_answer:
        told = f"the candidate gives the same answer to every item, {floor.answers:,} times"
        return Check("floor", "fail", told)
    if floor.candidate is None:
        return Check("floor", "pass", f"not measured: {floor.note}")
    above = floor.candidate.difference(1 - 2 * alpha)
    state, shown, items = _above(floor.candidate, above, alpha, replace(rules, margin=0.0))
    mean = float(floor.candidate.candidate.mean())
    told = f"{mean:.3f} against {floor.floor_mean:.3f} of the {floor.label}: {shown}"
    if state != "pass" and floor.baseline is not None:
        theirs = floor.baseline.difference()
        if theirs is None or theirs.low is None or theirs.low <= 0:
            told += "; the baseline is not above it either"
    if floor.answers:
        told += f"; {floor.distinct_answers:,} distinct answers of {floor.answers:,}"
    return Check("floor", state, told, items)


def _wanted(pairs: Pairs, gain: Paired | None, alpha: float, rules: Rules) -> int:
    """About how many items show the gain, or exclude the smallest one that is worth having."""
    n = gain.n if gain else 0
    if gain is None or not gain.sd or gain.low is None or gain.high is None:
        # Items that all agree exclude an effect once (1 - effect)^(n - 1) is below alpha.
        agree = math.ceil(math.log(alpha) / math.log1p(-min(rules.effect, 0.99))) + 1
        return max(agree, n + 1)
    above = gain.difference - rules.margin
    wanted = items_needed(
        max(above, rules.effect),
        gain.sd,
        rules.power,
        2 * alpha,
        design_of(pairs),
        reach_of(pairs, gain),
    )
    # The interval must come clear of the margin, or of the effect, whichever is further away.
    away = max(abs(above), abs(rules.effect - above), rules.effect / 2)
    reach = (gain.high - gain.low) / 2
    return max(wanted, math.ceil(n * (reach / away) ** 2), n + 1)


def _guards(guards: Sequence[tuple[Pairs, float]], rules: Rules) -> list[Check]:
    """Every guard must be shown to fall by less than its margin, all of them together (Holm)."""
    tests = [pairs.holds(margin, _GUARD_ALPHA) for pairs, margin in guards]
    adjusted = holm([1.0 if test.p is None else test.p for test in tests])
    return [
        _guard(pairs, margin, float(p), rules)
        for (pairs, margin), p in zip(guards, adjusted, strict=True)
    ]


def _guard(pairs: Pairs, margin: float, p: float, rules: Rules) -> Check:
    name = f"guard: {pairs.grader}"
    found = pairs.difference()
    if found is None or found.low is None or found.high is None:
        return Check(name, "open", _no_interval(found))
    shown = f"{points(found.difference)} points (95% {points(found.low)} to {points(found.high)})"
    if p <= _GUARD_ALPHA:
        return Check(name, "pass", f"{shown}, within its margin of {points(-margin)}")
    if found.high < -margin:
        return Check(name, "fail", f"{shown}: fell by more than its margin of {points(-margin)}")
    room = found.difference + margin
    items = None
    if room > 0 and found.sd:
        plan = found.sd, rules.power, 2 * _GUARD_ALPHA, design_of(pairs), reach_of(pairs, found)
        items = items_needed(room, *plan)
    return Check(name, "open", f"{shown}: a fall of {points(-margin)} is not excluded", items)


def _audit(pairs: Pairs) -> Check:
    name = f"audit: {pairs.grader}"
    found = pairs.difference()
    if found is None or found.low is None or found.high is None:
        return Check(name, "open", _no_interval(found))
    shown = f"{points(found.difference)} points (95% {points(found.low)} to {points(found.high)})"
    if found.high < 0:
        return Check(name, "fail", f"{shown}: it fell, and no lever was rewarded by it")
    return Check(name, "pass", f"{shown}: no fall shown")


def _ungraded(evidence: Evidence, rules: Rules) -> Check:
    every = [evidence.primary, *(pairs for pairs, _ in evidence.guards), *evidence.audits]
    shares = [
        (side.share_ungraded, pairs.grader, whose)
        for pairs in every
        for side, whose in zip(pairs.sides, ("baseline", "candidate"), strict=True)
    ]
    share, grader, whose = max(shares)
    told = f"at most {share:.1%} of the samples have no verdict"
    if share > rules.most_ungraded:
        told = (
            f"{share:.0%} of the {whose}'s samples have no verdict by {grader}, at most"
            f" {rules.most_ungraded:.0%} may: flywheel eval --resume, or flywheel regrade"
        )
        return Check("ungraded", "open", told)
    return Check("ungraded", "pass", told)


def _artifact(evidence: Evidence) -> Check:
    found = evidence.answers
    if found is not None and found.same:
        told = (
            "model, prompt and sampling are the baseline's own: the change never reached the model"
        )
        return Check("artifact", "fail", told)
    if found is not None and not found.differ:
        told = "every answer is the baseline's own: the change never reached the model"
        return Check("artifact", "fail", told)
    told = "the weights and prompt that were measured"
    if found is None:
        told += "; no answers were kept to compare"
    else:
        told += f"; {found.differ:,} of {found.n:,} answers differ"
        if found.by_chance is None:
            told += ", as they do when the baseline answers twice"
        elif found.differ <= found.by_chance:
            told += (
                f", and up to {found.by_chance:,} may by chance: has the change reached the model?"
            )
            return Check("artifact", "open", told)
    if evidence.served is None:
        return Check("artifact", "pass", told)
    told = f"what will be served gives {evidence.served:.1%} of the answers that were measured"
    return Check("artifact", "pass" if evidence.served >= 0.98 else "fail", told)


def _seeds(gain: Paired | None, seeds: Sequence[float], rules: Rules) -> Check:
    gains = [gain.difference if gain else 0.0, *seeds]
    shown = ", ".join(points(one) for one in gains)
    if len(gains) < 2:
        told = "one seed of a trained candidate: train another and name its run with --seed-run"
        return Check("seeds", "open", told)
    if min(gains) <= rules.margin:
        return Check("seeds", "fail", f"{shown} points: not every seed gained")
    return Check("seeds", "pass", f"{shown} points: every seed gained")

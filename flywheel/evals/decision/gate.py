"""The gate: load what is known of a candidate, decide, and write the decision down.

It is the only judge of "better". It asks for a split that no lever saw, and counts each look at it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

from flywheel.errors import BadOption, NotComparable
from flywheel.evals.decision.decide import Answers, Decision, Evidence, Rules, decide
from flywheel.evals.decision.eligible import (
    check_first,
    check_items,
    check_leaks,
    check_prompt,
    check_seeds,
    keys_of,
    made_by,
)
from flywheel.evals.decision.pairs import (
    Pairs,
    check_comparable,
    load_facts,
    load_pairs,
    no_pairs,
)
from flywheel.evals.decision.sealed_reads import (
    LookNumber,
    fresh_items,
    fresh_look,
    look_number,
    read_by,
    rules_json,
)
from flywheel.evals.floors.above_floor import above_floor
from flywheel.evals.floors.measure_floors import floors_of
from flywheel.evals.results.results import definition_of, the_run
from flywheel.evals.run.measure import baseline_rows
from flywheel.outputs import runs as outputs
from flywheel.samplers.sampler import asks_provider
from flywheel.store.reader import Reader
from flywheel.store.reads.identity import candidate_of
from flywheel.store.reads.item_sets import keep_item_set
from flywheel.store.reads.ledger import Entry, keep_reads, sync
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.decisions import ComparisonRow, PromotionRow, was_promoted
from flywheel.store.tables.reads import Head, chain_head, read_of
from flywheel.store.tables.runs import RunRow, measured_alike, on_dev, run_status
from flywheel.store.tables.samples import compare_answers, self_agreement

# Fewer items than that show no gain at the level of a first look.
_FEWEST_FRESH = 20
# Answers of one deterministic model that may differ for the bits of a batch.
_TIES = 2
# How often one answer of a provider differs from its next one, where nobody measured it; and
# from where on answers differ too often to say anything.
_UNSTEADY, _RANDOM = 0.01, 0.2
_NOT_SEALED = (
    "measured on {split}, which levers may have seen: measure both with --split test and gate those"
    " runs"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Which runs a decision is about. `seeds` are runs of the same lever with other seeds.

    `served` is a run of the artifact as it will be served; `tried` how many candidates were chosen
    among on these very items, where the store cannot know it.
    """

    baseline: str
    candidate: str
    seeds: Sequence[str] = ()
    served: str | None = None
    tried: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision about two runs, and the name under which it is kept.

    `head` is the end of the chain of reads of sealed splits, once the decision is kept. `margin` is
    that of its rules.
    """

    name: str
    baseline: RunRow
    candidate: RunRow
    decision: Decision
    head: Head | None = None
    margin: float = 0.0

    @property
    def claim(self) -> str:
        """What a promotion says of the candidate."""
        if self.margin < 0:
            return f"not worse by more than {-100 * self.margin:g} points"
        return f"better by more than {100 * self.margin:g} points" if self.margin else "better"

    def as_json(self) -> outputs.Gate:
        """The object that `gate --json` prints."""
        return {
            "comparison": self.name,
            "evalset": self.baseline.evalset,
            "split": self.baseline.split,
            "baseline": self.baseline.run,
            "candidate": self.candidate.run,
            "primary": self.baseline.primary_grader,
            "claim": self.claim,
            **self.decision.as_json(),
            "reads": outputs.ChainHead(**self.head._asdict()) if self.head else None,
        }


def judge(store: Store, case: Case, rules: Rules | None = None) -> Verdict:
    """Decide, and keep the decision. Raises NoRun, NotComparable, BadOption.

    The read is in the chain before anything of it is known: a gate that is killed has looked.
    """
    rules = rules or Rules()
    baseline, candidate = the_run(store, case.baseline), the_run(store, case.candidate)
    seeds = [the_run(store, name) for name in case.seeds]
    _check(store, case, (baseline, candidate, *seeds), rules)
    name = f"gate-{uuid.uuid4().hex[:12]}"
    look = LookNumber(1)
    if candidate.split == "test":
        look = _look(store, case, (baseline, candidate), rules, name)
    decision = decide(gather(store, case, (baseline, candidate), seeds, look), rules)
    verdict = Verdict(name, baseline, candidate, decision, margin=rules.margin)
    row = ComparisonRow(
        comparison=name,
        baseline=baseline.run,
        candidate=candidate.run,
        decision=decision.outcome,
        look=decision.look,
        alpha=decision.alpha,
        detail=json.dumps(verdict.as_json()),
        created=utc_now(),
    )
    store.write(name, {"comparisons": [row]})
    return replace(verdict, head=chain_head(store))


def _look(
    store: Store, case: Case, runs: tuple[RunRow, RunRow], rules: Rules, name: str
) -> LookNumber:
    """Write down the read of a gate, and say which look it is. Raises NotComparable."""
    baseline, candidate = read_by(store, runs[0]), read_by(store, runs[1])
    said = rules_json({**asdict(rules), "tried": case.tried}, baseline)
    elsewhere, missing = _elsewhere(store, rules)
    items: list[str] | None = None
    read = candidate
    if rules.fresh:
        items = fresh_items(store, (baseline, candidate), said, elsewhere)
        if len(items) < _FEWEST_FRESH:
            raise NotComparable(
                f"no other candidate has read {len(items):,} items of {runs[1].run};"
                f" --fresh decides on {_FEWEST_FRESH} or more: add items to the test split, and"
                " measure both runs on it"
            )
        read = candidate._replace(item_set=keep_item_set(store, items))
    row = read_of(runs[1], "gate", read, utc_now(), name, said)
    store.write(f"{name}/read", {"reads_chain": [row]})
    keep_reads(store)
    if items is not None:
        number = fresh_look(store, read, said, elsewhere)
        return LookNumber(number, items=frozenset(items), ledger=missing)
    return look_number(store, (baseline, read), said, elsewhere)._replace(ledger=missing)


def _elsewhere(store: Reader, rules: Rules) -> tuple[Sequence[Entry], str]:
    """The reads by other stores, and why they are not known."""
    if not rules.ledger:
        return (), ""
    try:
        return sync(store), ""
    except OSError as error:
        told = f"the ledger of reads by other database files cannot be used: {error}."
        return (), f"{told} FLYWHEEL_STATE names its folder; --no-ledger decides without it"


def _check(store: Reader, case: Case, runs: Sequence[RunRow], rules: Rules) -> None:
    """Refuse what cannot be decided, before it is a look. Raises NotComparable, BadOption."""
    baseline, candidate, *seeds = runs
    if len({row.run for row in runs}) < len(runs) or case.tried < 1:
        named = ", ".join(row.run for row in runs)
        raise BadOption(f"wanted different runs, and --tried 1 or more; got {named}")
    if (rules.margin < 0) != rules.non_inferior:
        raise BadOption(
            f"a margin below 0 asks whether the candidate is not worse, and --non-inferior says so;"
            f" got --margin {rules.margin:g} with{'' if rules.non_inferior else 'out'} it"
        )
    for row in runs:
        _check_finished(store, row)
    check_comparable(baseline, candidate)
    check_seeds(store, candidate, seeds)
    if candidate.split != "test":
        return
    # What is the baseline's own is no other candidate's luck: the artifact check refuses it.
    for row in (baseline, *seeds) if _is_same(store, baseline, candidate) else runs:
        check_first(store, row)
    for row in (candidate, *seeds):
        check_items(store, baseline, row)
    check_leaks(store, candidate)
    check_prompt(store, candidate)


def promote(store: Store, verdict: Verdict) -> None:
    """Make the candidate the baseline, on this split and on dev where it was measured there too.

    The promotion and its baselines are one batch: all of them hold, or none. To promote what is the
    baseline already adds nothing.
    """
    if verdict.decision.outcome != "promote":
        raise BadOption(f"{verdict.name} decided {verdict.decision.outcome}: nothing is promoted")
    # The newest finished run of the same model, prompt and sampling on dev.
    dev = [
        row for row in on_dev(store, verdict.candidate) if run_status(store, row.run) == "finished"
    ]
    baselines = baseline_rows(store, [verdict.candidate, *dev[:1]])
    if not baselines and was_promoted(store, verdict.baseline.run, verdict.candidate.run):
        return
    row = PromotionRow(
        evalset=verdict.baseline.evalset,
        baseline=verdict.baseline.run,
        candidate=verdict.candidate.run,
        comparison=verdict.name,
        created=utc_now(),
    )
    store.write(
        f"{verdict.name}/promotion",
        {"promotions": [row], "baselines": baselines},
    )


def gather(
    store: Reader,
    case: Case,
    runs: tuple[RunRow, RunRow],
    seeds: Sequence[RunRow],
    look: LookNumber,
) -> Evidence:
    """The evidence that the store has on a candidate."""
    baseline, candidate = runs
    definition = definition_of(store, baseline)
    facts = load_facts(store, [baseline, candidate, *seeds])
    only = None if look.items is None else _with_keys(store, candidate, look.items)
    pairs = _within(load_pairs(store, baseline, candidate, facts), only)
    primary = pairs.get(baseline.primary_grader)
    if primary is None:
        raise NotComparable(
            f"{baseline.primary_grader!r} graded nothing in {baseline.run} and {candidate.run}"
        )
    gains: list[float] | None = None
    if made_by(store, candidate):
        others = [_within(load_pairs(store, baseline, row, facts), only) for row in seeds]
        gains = [
            _gain(other.get(primary.grader), row) for other, row in zip(others, seeds, strict=True)
        ]
    served = case.served and the_run(store, case.served).sampled
    agreed = compare_answers(store, candidate.sampled, served) if served else None
    return Evidence(
        primary=primary,
        guards=[
            (pairs.get(name) or no_pairs(name), margin)
            for name, margin in definition.get("guards", {}).items()
        ],
        audits=[pairs.get(name) or no_pairs(name) for name in definition.get("audit", ())],
        look=look.number,
        changes=look.changes,
        tried=case.tried,
        seeds=gains,
        sealed=look.ledger
        if baseline.split == "test"
        else _NOT_SEALED.format(split=baseline.split),
        answers=_answers(store, baseline, candidate),
        served=agreed.share_same if agreed else None,
        floor=above_floor(
            store,
            primary,
            (candidate, floors_of(store, candidate, len(primary.items))),
            (baseline, floors_of(store, baseline, len(primary.items))),
        ),
    )


def _with_keys(store: Reader, run: RunRow, keys: frozenset[str]) -> set[str]:
    """The digests of the items of a run that have these keys alone."""
    return {item for item, known in keys_of(store, run).items() if keys >= set(known)}


def _within(pairs: dict[str, Pairs], items: Collection[str] | None) -> dict[str, Pairs]:
    """The pairs of these items; all pairs for None."""
    import numpy as np

    if items is None:
        return pairs
    return {
        name: one.only(np.array([item in items for item in one.items], dtype=np.bool_))
        for name, one in pairs.items()
    }


def _answers(store: Reader, baseline: RunRow, candidate: RunRow) -> Answers | None:
    """How many answers differ, beside how many do by chance where one model answers twice.

    A script and a model on this machine give the same answer again; the bits of a batch may still
    turn a near tie. Whoever else answers is held to what is known of it, or to 1 in 100.
    """
    found = compare_answers(store, baseline.sampled, candidate.sampled)
    if _is_same(store, baseline, candidate):
        return Answers(0, 0, None, same=True)
    if found is None:
        return None
    if not (asks_provider(baseline.model) or baseline.kind == "import"):
        return Answers(found.n, found.differ, _TIES)
    again = self_agreement(store, measured_alike(store, baseline))
    rate = max(_UNSTEADY, again.differ / again.n if again.n else 0.0)
    by_chance = _most_by_chance(found.n, rate) if rate <= _RANDOM else None
    return Answers(found.n, found.differ, by_chance)


def _is_same(store: Reader, baseline: RunRow, candidate: RunRow) -> bool:
    """Whether two runs are of one candidate. Imported ones are known on a sealed split only."""
    if candidate.split == "test":
        return read_by(store, baseline).candidate == read_by(store, candidate).candidate
    named = candidate.kind == "import"
    return not named and candidate_of(baseline) == candidate_of(candidate)


def _most_by_chance(n: int, rate: float) -> int:
    """How many of `n` answers differ at most in 99 of 100 cases, where each does at this rate."""
    import numpy as np
    from scipy.special import bdtr

    return int(np.searchsorted(bdtr(np.arange(n + 1), n, rate), 0.99))


def _gain(pairs: Pairs | None, run: RunRow) -> float:
    if pairs is None or not pairs.items:
        raise NotComparable(f"{run.run} has no item in common with the baseline: it is no seed")
    return float((pairs.candidate - pairs.baseline).mean())


def _check_finished(store: Reader, run: RunRow) -> None:
    status = run_status(store, run.run)
    if status != "finished" and run.kind == "import":
        raise NotComparable(
            f"{run.run} is unfinished: its log holds less than it counts. Import the whole log"
        )
    if status != "finished":
        raise NotComparable(
            f"{run.run} is {status or 'not begun'}: finish it with flywheel eval --resume {run.run}"
        )

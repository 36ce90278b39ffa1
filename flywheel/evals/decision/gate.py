"""The gate: load what is known of a candidate, decide, and write the decision down.

It is the only judge of "better". It asks for a split that no lever saw, and counts each look at it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from flywheel.errors import BadOption, NotComparable
from flywheel.evals.decision.decide import Decision, Evidence, Rules, decide
from flywheel.evals.decision.pairs import Pairs, load_facts, load_pairs, no_pairs
from flywheel.evals.decision.sealed_reads import look_number
from flywheel.evals.floors.above_floor import above_floor
from flywheel.evals.floors.measure_floors import floors_of
from flywheel.evals.results.results import definition_of, the_run
from flywheel.evals.run.measure import baseline_rows
from flywheel.outputs import runs as outputs
from flywheel.store.reader import Reader
from flywheel.store.reads.item_sets import read_items
from flywheel.store.rows.digest import canonical_json
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.decisions import ComparisonRow, PromotionRow, was_promoted
from flywheel.store.tables.definitions import find_model
from flywheel.store.tables.reads import Head, chain_head, read_of
from flywheel.store.tables.runs import RunRow, on_dev, run_status
from flywheel.store.tables.samples import same_answers

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

    `head` is the end of the chain of reads of sealed splits, once the decision is kept.
    """

    name: str
    baseline: RunRow
    candidate: RunRow
    decision: Decision
    head: Head | None = None

    def as_json(self) -> outputs.Gate:
        """The object that `gate --json` prints."""
        return {
            "comparison": self.name,
            "evalset": self.baseline.evalset,
            "split": self.baseline.split,
            "baseline": self.baseline.run,
            "candidate": self.candidate.run,
            "primary": self.baseline.primary_grader,
            **self.decision.as_json(),
            "reads": outputs.ChainHead(**self.head._asdict()) if self.head else None,
        }


def judge(store: Store, case: Case, rules: Rules | None = None) -> Verdict:
    """Decide, and keep the decision. Raises NoRun, NotComparable, BadOption."""
    baseline, candidate = the_run(store, case.baseline), the_run(store, case.candidate)
    seeds = [the_run(store, name) for name in case.seeds]
    named = [row.run for row in (baseline, candidate, *seeds)]
    if len(set(named)) < len(named) or case.tried < 1:
        raise BadOption(f"wanted different runs, and --tried 1 or more; got {', '.join(named)}")
    for row in (baseline, candidate, *seeds):
        _check_finished(store, row)
    decision = decide(gather(store, case, (baseline, candidate), seeds), rules)
    name = f"gate-{uuid.uuid4().hex[:12]}"
    verdict = Verdict(name, baseline, candidate, decision)
    now = utc_now()
    tables: dict[str, Sequence[tuple[Any, ...]]] = {
        "comparisons": [
            ComparisonRow(
                comparison=name,
                baseline=baseline.run,
                candidate=candidate.run,
                decision=decision.outcome,
                look=decision.look,
                alpha=decision.alpha,
                detail=json.dumps(verdict.as_json()),
                created=now,
            )
        ]
    }
    if candidate.split == "test":
        said = canonical_json({**asdict(rules or Rules()), "tried": case.tried})
        items = read_items(store, candidate)
        tables["reads_chain"] = [read_of(candidate, "gate", items, now, name, said)]
    store.write(name, tables)
    return replace(verdict, head=chain_head(store))


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
    store: Reader, case: Case, runs: tuple[RunRow, RunRow], seeds: Sequence[RunRow]
) -> Evidence:
    """The evidence that the store has on a candidate."""
    baseline, candidate = runs
    definition = definition_of(store, baseline)
    facts = load_facts(store, [baseline, candidate, *seeds])
    pairs = load_pairs(store, baseline, candidate, facts)
    primary = pairs.get(baseline.primary_grader)
    if primary is None:
        raise NotComparable(
            f"{baseline.primary_grader!r} graded nothing in {baseline.run} and {candidate.run}"
        )
    gains: list[float] | None = None
    if seeds or _recipe(store, candidate):
        others = [load_pairs(store, baseline, row, facts) for row in seeds]
        gains = [
            _gain(other.get(primary.grader), row) for other, row in zip(others, seeds, strict=True)
        ]
    served = case.served and the_run(store, case.served).sampled
    return Evidence(
        primary=primary,
        guards=[
            (pairs.get(name) or no_pairs(name), margin)
            for name, margin in definition.get("guards", {}).items()
        ],
        audits=[pairs.get(name) or no_pairs(name) for name in definition.get("audit", ())],
        look=look_number(store, baseline, candidate, _own_seeds(store, candidate, seeds))
        if baseline.split == "test"
        else 1,
        tried=case.tried,
        seeds=gains,
        sealed="" if baseline.split == "test" else _NOT_SEALED.format(split=baseline.split),
        same_answers=same_answers(store, baseline.sampled, candidate.sampled) == 1.0,
        served=same_answers(store, candidate.sampled, served) if served else None,
        floor=above_floor(
            store,
            primary,
            (candidate, floors_of(store, candidate, len(primary.items))),
            (baseline, floors_of(store, baseline, len(primary.items))),
        ),
    )


def _own_seeds(store: Reader, candidate: RunRow, seeds: Sequence[RunRow]) -> list[RunRow]:
    """Those of the seeds whose model differs from the candidate's by the seed alone.

    Whatever else looked at the split is a candidate of its own, and is counted.
    """
    own = _recipe(store, candidate)
    others = [(row, _recipe(store, row)) for row in seeds]
    return [
        row
        for row, other in others
        if own and own | {"seed": None} == other | {"seed": None} and own["seed"] != other["seed"]
    ]


def _recipe(store: Reader, run: RunRow) -> dict[str, Any]:
    """How a lever that has seeds made the model of a run; nothing for any other model."""
    model = find_model(store, run.model_digest)
    made: dict[str, Any] = json.loads(model.detail) if model else {}
    if not made.get("lever"):
        return {}
    recipe = {name: made.get(name) for name in ("lever", "base_digest", "data_digest", "seed")}
    config: dict[str, Any] = made.get("config") or {}
    return {**recipe, "config": {name: config[name] for name in config if name != "seed"}}


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

"""Pairs: two runs, item by item, by each grader. What only one of them has a score for is left out.

Repeats are averaged within their item first: the item is what differs, and what is counted. Items
are matched by their digest, so two runs that cover different parts of a split still pair up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flywheel.errors import NotComparable
from flywheel.evals.grading.score_ranges import score_range
from flywheel.evals.results.results import definition_of, field_path, tags_of
from flywheel.stats.noninferior import NonInferior, noninferior
from flywheel.stats.paired import Paired, paired
from flywheel.store.reader import Reader
from flywheel.store.rows.values import pairs_of
from flywheel.store.tables.definitions import item_fields
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.scores import paired_means
from graders.grader import Range

if TYPE_CHECKING:
    import numpy as np

    from flywheel.stats.arrays import Floats

# Where two runs must agree for their scores to mean the same.
_MUST_AGREE = {
    "evalset version": "evalset_digest",
    "split": "split",
    "items of the split": "split_digest",
    "sampling parameters": "sampling_digest",
    "graders": "graders",
    "primary grader": "primary_grader",
}


@dataclass(frozen=True, slots=True)
class Side:
    """How one run stands with a grader: its samples, and those of them without a verdict.

    A failed request is a sample without a verdict.
    """

    samples: int
    ungraded: int

    @property
    def share_ungraded(self) -> float:
        """The share of samples without a verdict, 0 for a run without samples."""
        return self.ungraded / self.samples if self.samples else 0.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """The items that both runs have a score for, in the order of the split, by one grader.

    `baseline` and `candidate` are item means; `was_passed` and `is_passed` the share of repeats
    that passed. `clusters` has a label an item, None where the evalset has no groups. `missing`
    items have a score in one run only. `range_` is that of the grader's scores, if it declares one.
    """

    grader: str
    items: tuple[str, ...]
    baseline: Floats
    candidate: Floats
    was_passed: Floats
    is_passed: Floats
    clusters: tuple[object, ...] | None
    missing: int
    sides: tuple[Side, Side]
    range_: Range | None = None

    def difference(self, level: float = 0.95) -> Paired | None:
        """The mean difference with an interval of this level."""
        return paired(self.candidate, self.baseline, self.clusters, level, self.range_)

    @property
    def reach(self) -> float | None:
        """How far a score can fall; None where the grader declares no range."""
        return None if self.range_ is None else self.range_[1] - self.range_[0]

    def holds(self, margin: float, alpha: float) -> NonInferior:
        """Whether the candidate is shown to be worse by less than the margin."""
        sides = self.candidate, self.baseline
        return noninferior(*sides, margin, self.clusters, alpha, self.range_)

    @property
    def fixed(self) -> np.ndarray[Any, Any]:
        """Where only the candidate passed, in half of the repeats or more."""
        return (self.was_passed < 0.5) & (self.is_passed >= 0.5)

    @property
    def broken(self) -> np.ndarray[Any, Any]:
        """Where only the baseline passed."""
        return (self.was_passed >= 0.5) & (self.is_passed < 0.5)

    def only(self, keep: np.ndarray[Any, Any]) -> Pairs:
        """The pairs where `keep` is true."""
        import numpy as np

        chosen = np.flatnonzero(keep)
        return Pairs(
            self.grader,
            tuple(self.items[i] for i in chosen),
            self.baseline[chosen],
            self.candidate[chosen],
            self.was_passed[chosen],
            self.is_passed[chosen],
            None if self.clusters is None else tuple(self.clusters[i] for i in chosen),
            0,
            self.sides,
            self.range_,
        )


def no_pairs(grader: str) -> Pairs:
    """The pairs of a grader that never gave a verdict."""
    import numpy as np

    none = np.zeros(0)
    return Pairs(grader, (), none, none, none, none, None, 0, (Side(0, 0), Side(0, 0)))


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What the store knows of items beside their scores, by digest."""

    ids: dict[str, str] = field(default_factory=dict[str, str])
    clusters: dict[str, object] = field(default_factory=dict[str, object])
    tags: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])


def check_comparable(baseline: RunRow, candidate: RunRow) -> None:
    """Raise NotComparable, naming what differs, when two runs do not measure the same thing."""
    differs = [
        f"{name} ({_difference(key, baseline, candidate)})"
        for name, key in _MUST_AGREE.items()
        if getattr(baseline, key) != getattr(candidate, key)
    ]
    if differs:
        raise NotComparable(
            f"{baseline.run} and {candidate.run} do not measure the same thing; they differ in"
            f" {', '.join(differs)}. Measure both anew with the same evalset and options, or grade"
            " one of them again with flywheel regrade; another wording of the prompt goes through"
            " --prompt and leaves the evalset as it is"
        )


def load_facts(store: Reader, runs: Sequence[RunRow]) -> ItemFacts:
    """Ids, clusters and tags of the items of these runs. The tags are those of the newest run."""
    group = definition_of(store, runs[0]).get("group")
    tags = tags_of(store, max(runs, key=lambda run: run.created))
    paths = {f"p{n}": field_path(name) for n, name in enumerate((*tags, group)) if name is not None}
    facts = ItemFacts()
    for row in item_fields(store, [run.run for run in runs], paths):
        digest = row["digest"]
        facts.ids[digest] = row["id"]
        if group is not None:
            # An item without a group stands for itself.
            found = row[f"p{len(tags)}"]
            facts.clusters[digest] = digest if found is None else found
        facts.tags[digest] = {
            tag: row[f"p{n}"] for n, tag in enumerate(tags) if row[f"p{n}"] is not None
        }
    return facts


def load_pairs(
    store: Reader, baseline: RunRow, candidate: RunRow, facts: ItemFacts
) -> dict[str, Pairs]:
    """The pairs of two runs by grader, in the order of the evalset's graders."""
    check_comparable(baseline, candidate)
    columns = paired_means(store, baseline.run, candidate.run)
    found: dict[str, list[int]] = {}
    for row, name in enumerate(columns.pop("name")):
        found.setdefault(name, []).append(row)
    digests = dict(pairs_of(baseline.graders))
    order = list(digests)
    return {
        name: _pairs(
            name,
            {key: values[found[name]] for key, values in columns.items()},
            facts,
            (baseline, candidate),
            score_range(store, digests.get(name, "")),
        )
        for name in sorted(found, key=lambda n: order.index(n) if n in order else len(order))
    }


def _pairs(
    name: str,
    columns: Mapping[str, Any],
    facts: ItemFacts,
    runs: tuple[RunRow, RunRow],
    range_: Range | None,
) -> Pairs:
    import numpy as np

    def column(which: str) -> Floats:
        return np.ma.filled(columns[which].astype(np.float64), np.nan)

    before, after = column("a_mean"), column("b_mean")
    both = np.flatnonzero(~(np.isnan(before) | np.isnan(after)))
    digests = columns["item"]
    items = tuple(digests[i] for i in both)
    sides = (
        _side(runs[0], column("a_n"), column("a_graded")),
        _side(runs[1], column("b_n"), column("b_graded")),
    )
    return Pairs(
        grader=name,
        items=items,
        baseline=before[both],
        candidate=after[both],
        was_passed=np.nan_to_num(column("a_passed")[both]),
        is_passed=np.nan_to_num(column("b_passed")[both]),
        clusters=tuple(facts.clusters.get(i, i) for i in items) if facts.clusters else None,
        missing=len(digests) - len(items),
        sides=sides,
        range_=range_,
    )


def _side(run: RunRow, verdicts: Floats, graded: Floats) -> Side:
    # What another harness planned is not known, only what it kept.
    samples = int(verdicts.sum()) if run.kind == "import" else run.items * run.repeats
    return Side(samples, samples - int(graded.sum()))


def _difference(key: str, baseline: RunRow, candidate: RunRow) -> str:
    """What differs: of the graders, their names and why."""
    if key == "graders":
        before, after = set(pairs_of(baseline.graders)), set(pairs_of(candidate.graders))
        names = ", ".join(sorted({name for name, _ in before ^ after}))
        if not names:
            return "their order"
        other: list[str] = []
        if baseline.judge_digest != candidate.judge_digest:
            other.append("judge")
        if baseline.embedder_digest != candidate.embedder_digest:
            other.append("embedding model")
        return f"{names}: another {' and another '.join(other) or 'definition, model or module'}"
    return f"{_short(getattr(baseline, key))} against {_short(getattr(candidate, key))}"


def _short(value: str) -> str:
    return value if len(value) <= 24 else f"{value[:10]}…"

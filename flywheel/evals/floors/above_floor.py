"""A candidate against the highest floor, item by item, as it is against the baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flywheel.evals.decision.pairs import Pairs
from flywheel.evals.floors.floors import Floor, Floors
from flywheel.outputs import runs as outputs
from flywheel.stats.paired import Paired
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import items_at


@dataclass(frozen=True, slots=True)
class AboveFloor:
    """What is known of a candidate and its floors.

    `candidate` pairs its scores with those of the highest floor, `baseline` the baseline's scores;
    both are None without a floor, and `note` then says why there is none. `label` names the floor.
    """

    answers: int
    distinct_answers: int
    label: str = ""
    candidate: Pairs | None = None
    baseline: Pairs | None = None
    note: str = ""

    @property
    def one_answer(self) -> bool:
        """Whether the candidate answers the same to everything."""
        return self.answers > 1 and self.distinct_answers == 1

    @property
    def floor_mean(self) -> float:
        """The mean of the highest floor, 0 without one."""
        return float(self.candidate.baseline.mean()) if self.candidate else 0.0

    @property
    def paired(self) -> Paired | None:
        """The candidate less the floor, with its 95% interval."""
        return self.candidate.difference() if self.candidate else None

    def as_json(self) -> outputs.AboveFloor:
        """The object that `compare --json` has for each candidate."""
        above = self.paired
        highest = above and outputs.HighestFloor(
            floor=self.label,
            mean=self.floor_mean,
            difference=above.difference,
            low=above.low,
            high=above.high,
            n=above.n,
        )
        return {
            "answers": self.answers,
            "distinct_answers": self.distinct_answers,
            "highest": highest,
            "note": self.note or None,
        }


def above_floor(
    store: Reader, pairs: Pairs, candidate: tuple[RunRow, Floors], baseline: tuple[RunRow, Floors]
) -> AboveFloor:
    """The candidate against the highest of its floors.

    Where it has none, those of the baseline count: they may have been measured with a judge.
    """
    run, own = candidate
    floors = own
    if not own.floors and not own.needs_none:
        run, floors = baseline
    found = [
        (floor, both)
        for floor in floors.floors
        if (both := _floor_pairs(store, run, floor, pairs)) is not None
    ]
    if not found:
        return AboveFloor(own.answers, own.distinct_answers, note=own.note or "no floor is known")
    floor, (ours, theirs) = max(found, key=lambda one: float(one[1][0].baseline.mean()))
    return AboveFloor(own.answers, own.distinct_answers, floor.label, ours, theirs, note=own.note)


def _floor_pairs(
    store: Reader, run: RunRow, floor: Floor, pairs: Pairs
) -> tuple[Pairs, Pairs] | None:
    """The candidate's and the baseline's scores beside the floor's, on the items that have both."""
    import numpy as np

    scores: dict[str, list[float]] = {}
    for item, position in items_at(store, run.sampled, list(floor.scores)):
        scores.setdefault(item, []).append(floor.scores[position])
    keep = np.array([item in scores for item in pairs.items], dtype=np.bool_)
    if not keep.any():
        return None
    both = pairs.only(keep)
    floors = np.array([sum(scores[item]) / len(scores[item]) for item in both.items])
    passed = (floors >= 0.5).astype(np.float64)
    ours = replace(both, baseline=floors, was_passed=passed)
    theirs = replace(
        both, baseline=floors, was_passed=passed, candidate=both.baseline, is_passed=both.was_passed
    )
    return ours, theirs

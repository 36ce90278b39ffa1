"""Flips: the items that a candidate fixed or broke, with both answers side by side."""

from __future__ import annotations

from typing import Literal, NamedTuple

from flywheel.evals.decision.compare import Candidate, Comparison
from flywheel.outputs import runs as outputs
from flywheel.store.reader import Reader
from flywheel.store.tables.scores import first_reasons


class Flip(NamedTuple):
    """One item that passed in one of the two runs only. Answers and reasons are of repeat 0."""

    change: Literal["fixed", "broken"]
    id: str
    item: str
    before: float
    after: float
    before_output: str
    after_output: str
    before_reason: str
    after_reason: str

    def as_json(self) -> outputs.Flip:
        """The flip as `compare --json` has it."""
        return outputs.Flip(**self._asdict())


def load_flips(
    store: Reader, comparison: Comparison, candidate: Candidate, most: int
) -> list[Flip]:
    """At most `most` broken items and as many fixed ones, in the order of the split."""
    primary = candidate.primary
    if primary is None or most == 0:
        return []
    pairs = primary.pairs
    broken = pairs.broken
    chosen = [int(i) for found in (broken, pairs.fixed) for i in found.nonzero()[0][:most]]
    items = [pairs.items[index] for index in chosen]
    grader = primary.grader
    before, after = (
        first_reasons(store, run.run, run.sampled, grader, items)
        for run in (comparison.baseline, candidate.run)
    )
    nothing = ("", "")
    return [
        Flip(
            "broken" if broken[index] else "fixed",
            comparison.facts.ids.get(item, item[:12]),
            item,
            float(pairs.baseline[index]),
            float(pairs.candidate[index]),
            before.get(item, nothing)[0],
            after.get(item, nothing)[0],
            before.get(item, nothing)[1],
            after.get(item, nothing)[1],
        )
        for index, item in zip(chosen, items, strict=True)
    ]

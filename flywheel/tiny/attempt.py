# pyright: standard
"""The seeds that a build tries, and the one that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

from flywheel.stats.paired import paired
from flywheel.tiny.exam import Score
from flywheel.tiny.pretrain import Progress

# The evalset whose dev split chooses among the seeds.
DECIDES = "ticket_triage"
Scores = dict[str, Score]


@dataclass
class Attempt:
    """One seed: how pretraining went and what it scores on dev. Empty scores: it cannot copy."""

    seed: int
    progress: Progress
    dev: Scores = field(default_factory=dict)

    def beats(self, other: Attempt) -> bool:
        """Whether it is shown to score higher on the evalset that decides."""
        mine, theirs = self.dev[DECIDES], other.dev[DECIDES]
        found = paired(mine.values, theirs.values, mine.wordings)
        return found is not None and found.low is not None and found.low > 0


@dataclass
class Built:
    """Every seed that was tried, the one that was kept, and its scores on test."""

    attempts: list[Attempt]
    kept: Attempt
    test: Scores
    parameters: int

# pyright: standard
"""The model card: architecture, seeds, scores and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flywheel.stats.intervals import Interval
from flywheel.stats.paired import paired
from flywheel.tiny.exam import EVALSETS, VAGUE, Score
from flywheel.tiny.pretrain import Progress
from flywheel.tiny.tokenizer import VOCABULARY

# The evalset whose dev split selects the seed.
DECIDES = "ticket_triage"
Scores = dict[str, Score]


@dataclass
class Attempt:
    """One seed's pretraining and its dev scores, which are empty if it did not learn to copy."""

    seed: int
    progress: Progress
    dev: Scores = field(default_factory=dict[str, Score])

    def beats(self, other: Attempt) -> bool:
        """Whether it scores significantly higher on the deciding evalset."""
        mine, theirs = self.dev[DECIDES], other.dev[DECIDES]
        gain = paired(mine.values, theirs.values, mine.wordings)
        return gain is not None and gain.low is not None and gain.low > 0


@dataclass
class Built:
    """All seeds, the one that is kept, and its test scores."""

    attempts: list[Attempt]
    kept: Attempt
    test: Scores
    parameters: int


def write_card(built: Built) -> str:
    """The card in Markdown."""
    kept, columns = built.kept, (*EVALSETS, "vague", "rules")
    seeds = [
        f"| seed | tokens until it copied | last loss | {' | '.join(columns)} |",
        f"|{'---|' * (len(columns) + 3)}",
        *(_seed(attempt, columns) for attempt in built.attempts),
    ]
    template = Path(__file__).with_name("card_template.md").read_text(encoding="utf-8")
    return template.format(
        parameters=built.parameters,
        vocabulary=VOCABULARY,
        tokens=kept.progress.tokens,
        seconds=kept.progress.seconds,
        seeds=",".join(str(attempt.seed) for attempt in built.attempts),
        kept=kept.seed,
        seed_rows="\n".join(seeds),
        vague=VAGUE,
        score_rows="\n".join(_score(name, score) for name, score in built.test.items()),
    )


def _seed(attempt: Attempt, columns: tuple[str, ...]) -> str:
    progress = attempt.progress
    after = f"{progress.copied_after:,}" if progress.copied_after else "never"
    scores = [attempt.dev.get(column) for column in columns]
    shown = (f"{score.mean:.1%}" if score else "cannot copy" for score in scores)
    return f"| {attempt.seed} | {after} | {progress.loss:.2f} | {' | '.join(shown)} |"


def _score(name: str, score: Score) -> str:
    cells = (_range(score.interval()), _range(score.over_wordings()), str(len(score.values)))
    return f"| {name} | {score.mean:.1%} | {' | '.join(cells)} |"


def _range(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "-"
    return f"{100 * max(0.0, interval.low):.1f} to {100 * min(1.0, interval.high):.1f}"

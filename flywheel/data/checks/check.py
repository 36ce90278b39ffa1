"""Checks a training file: one pass, every check sees every row, and a verdict at the end.

A row that cannot be read, an empty one and fewer than ten rows are errors: nothing should be
trained on the file as it is. Everything else is a warning or a note, for only its owner knows what
it should be. What the rows leave in memory is a few numbers each, and their text once, normalised,
to find near duplicates.
"""

from __future__ import annotations

from collections.abc import Callable

from flywheel.data.checks.classes import Classes
from flywheel.data.checks.findings import Findings, Report
from flywheel.data.checks.lengths import Lengths
from flywheel.data.checks.pii import Names
from flywheel.data.checks.quality import Blanks, Damage, Languages, Personal
from flywheel.data.checks.repeats import Repeats
from flywheel.data.rows.tokens import TokenCounter, estimated
from flywheel.data.rows.training import Training
from flywheel.data.rows.training_row import BadRow
from flywheel.data.rows.view import Check, view_of

# OpenAI's fine-tuning takes no fewer; below fifty, results are mostly chance.
LEAST_ROWS = 10
FEW_ROWS = 50


def check_training(
    training: Training,
    counter: TokenCounter | None = None,
    max_length: int | None = None,
    advance: Callable[[int], None] = lambda rows: None,
    names: Names | None = None,
) -> Report:
    """The report on a file. Raises BadFile where it cannot be read on.

    `max_length` is how many tokens of a row training would read; without it the model's context.
    `advance` is told of each row, `names` finds people in texts.
    """
    found, rows = Findings(), 0
    path = str(training.path)
    checks: tuple[Check, ...] = (
        Blanks(),
        Damage(),
        Repeats(),
        Lengths(counter or estimated(), max_length),
        Classes(),
        Languages(),
        Personal(names),
    )
    for row in training.read():
        rows += 1
        advance(1)
        if isinstance(row, BadRow):
            found.add("bad_row", "error", row.where, row.story)
            continue
        view = view_of(row)
        for check in checks:
            check.see(view, found)
    figures: dict[str, object] = {}
    for check in checks:
        figures.update(check.end(path, found))
    _check_count(path, rows, found)
    return Report(path, training.format.name, rows, figures, found)


def _check_count(path: str, rows: int, found: Findings) -> None:
    if rows < LEAST_ROWS:
        story = f"{rows} rows; at least {LEAST_ROWS} rows are required"
        found.add("few_rows", "error", path, story)
    elif rows < FEW_ROWS:
        story = f"{rows} rows; with fewer than {FEW_ROWS}, chance decides most of the result"
        found.add("few_rows", "warning", path, story)

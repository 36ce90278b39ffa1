"""The check of a training file: one pass in which every check sees every row, and a verdict.

An unreadable row, an empty row and fewer than ten rows are errors: the file should not be used as
it is. Everything else is a warning or a note, which the file's owner has to judge. Per row, memory
holds a few numbers and the normalised text, for near duplicates.
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

# The minimum of OpenAI's fine-tuning API; below fifty, results are mostly noise.
LEAST_ROWS = 10
FEW_ROWS = 50


def check_training(
    training: Training,
    counter: TokenCounter | None = None,
    max_length: int | None = None,
    advance: Callable[[int], None] = lambda rows: None,
    names: Names | None = None,
) -> Report:
    """The report on a file. Raises BadFile if it cannot be read to its end.

    `max_length` is the maximum tokens per row, by default the model's context. `advance` is called
    for each row. `names` finds names of people.
    """
    findings, rows = Findings(), 0
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
            findings.add("bad_row", "error", row.where, row.story)
            continue
        view = view_of(row)
        for check in checks:
            check.see(view, findings)
    figures: dict[str, object] = {}
    for check in checks:
        figures.update(check.end(path, findings))
    _check_count(path, rows, findings)
    return Report(path, training.format.name, rows, figures, findings)


def _check_count(path: str, rows: int, findings: Findings) -> None:
    if rows < LEAST_ROWS:
        story = f"{rows} rows; at least {LEAST_ROWS} rows are required"
        findings.add("few_rows", "error", path, story)
    elif rows < FEW_ROWS:
        story = f"{rows} rows; with fewer than {FEW_ROWS}, results are mostly noise"
        findings.add("few_rows", "warning", path, story)

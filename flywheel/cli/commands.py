"""The table of commands: each one's module, and its line in `flywheel --help`.

A module is imported when its command runs, so `flywheel --help` imports none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import typer

from flywheel.deprecated import Deprecated


class Entry(NamedTuple):
    """A command that is imported on use: `attribute` of `flywheel.cli.{module}`."""

    module: str
    attribute: str
    help: str
    hidden: bool = False
    deprecated: Deprecated | None = None


COMMANDS: Mapping[str, Entry] = {
    "eval": Entry("measure.eval", "evaluate", "Measure a model on an evalset."),
    "baseline": Entry("measure.baseline", "baseline", "Measure what candidates must beat."),
    "runs": Entry("measure.runs", "runs", "List the runs."),
    "show": Entry("measure.show", "show", "Show a run: scores, slices, worst items, cost."),
    "regrade": Entry("measure.regrade", "regrade", "Grade a run's answers with other graders."),
    "cancel": Entry("measure.cancel", "cancel", "Stop a run of another process, or a job."),
    "grade": Entry("measure.grade", "grade", "Grade one sample or a file of samples."),
    "graders": Entry("measure.graders", "graders", "Check graders before they measure."),
    "compare": Entry("decide.compare", "compare", "Compare runs item by item, with intervals."),
    "gate": Entry("decide.gate", "gate", "Decide: promote the candidate or keep the baseline."),
    "plan": Entry("decide.plan", "plan", "Estimate the sample size that a gain needs."),
    "review": Entry("decide.review", "review", "Compare and judge answers in the browser."),
    "improve": Entry("improve.improve", "train", "Train a candidate with one of the levers."),
    "train": Entry(
        "improve.improve",
        "train",
        "The same as improve.",
        hidden=True,
        deprecated=Deprecated("flywheel train", "flywheel improve", "0.3"),
    ),
    "jobs": Entry("improve.jobs", "jobs", "List the jobs."),
    "job": Entry("improve.jobs", "job", "Show, follow, pause, resume or cancel a job."),
    "data": Entry("improve.data", "data", "Check and repair training files."),
    "leakage": Entry("improve.leakage", "leakage", "Find items that two splits share."),
    "import": Entry("manage.import_", "import_", "Import results of another harness."),
    "store": Entry("manage.store", "store", "Check, compact, export and rebuild the store."),
    "tiny": Entry("manage.tiny", "tiny", "Rebuild the embedded model, or read its card."),
    "demo": Entry("manage.demo", "demo", "Run the whole loop on the embedded model."),
    "doctor": Entry("manage.doctor", "doctor", "Show the sandbox, extras, accelerator and models."),
}


def load_command(name: str) -> Any:
    """Import and return the command with this name, or None."""
    entry = COMMANDS.get(name)
    if entry is None:
        return None
    module = import_module(f"flywheel.cli.{entry.module}")
    body: Any = getattr(module, entry.attribute)
    if not isinstance(body, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, cls=getattr(module, "COMMAND_CLASS", None))(body)
        body = alone
    command = typer.main.get_command(body)
    command.name, command.hidden = name, entry.hidden
    return command

"""flywheel import: import the results of another harness, to compare and gate them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json, takes
from flywheel.cli.terminal.tables import print_json, print_line, print_table
from flywheel.importers.formats.inspect_ai import read_inspect
from flywheel.importers.formats.lm_eval import read_lm_eval
from flywheel.importers.formats.promptfoo import read_promptfoo
from flywheel.importers.formats.verdict_rows import read_scores
from flywheel.importers.import_runs import Read, import_runs
from flywheel.importers.verdict import Naming
from flywheel.importers.write import Imported
from flywheel.outputs import work as outputs

import_ = typer.Typer(
    help="Import the results of another harness.", no_args_is_help=True, rich_markup_mode=None
)


@import_.callback()
def _group() -> None:
    """Import the results of another harness."""


def _file(
    file: Annotated[Path, typer.Argument(help="The file to import.")],
    evalset: Annotated[
        str | None, typer.Option("--evalset", help="Override the evalset's name.")
    ] = None,
    split: Annotated[
        str,
        typer.Option("--split", help="train, dev or test; an import to test counts as a look."),
    ] = "dev",
    primary: Annotated[
        str | None, typer.Option(help="Primary grader; default: the first one.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """The options of every import."""


def _log(
    run: Annotated[str | None, typer.Option("--run", help="Name of the run.")] = None,
    group: Annotated[str | None, typer.Option(help="Metadata field that groups items.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Import a truncated log as an unfinished run.")
    ] = False,
) -> None:
    """The options of an import from another harness."""


@import_.command()
@takes(_file)
def scores(**given: Any) -> None:
    """Import your own rows, one verdict per line.

    A row is {"run": "a", "item": "q1", "grader": "exact", "score": 1}. Optional fields: repeat,
    group, passed, output, reason, error (with a null score), evalset, split, model, prompt_tokens,
    completion_tokens, seconds and price.
    """
    _import(read_scores, **given)


@import_.command()
@takes(_file, _log)
def inspect(**given: Any) -> None:
    """Import a log of inspect_ai (.eval or .json) as one run. The evalset is the task."""
    _import(read_inspect, **given)


@import_.command("lm-eval")
@takes(_file, _log)
def lm_eval(**given: Any) -> None:
    """Import a samples_TASK_DATE.jsonl of lm-eval as one run. The evalset is the task.

    The model's name, and which metrics are better when higher, are read from the results_DATE.json
    in the same folder.
    """
    _import(read_lm_eval, **given)


@import_.command()
@takes(_file, _log)
def promptfoo(**given: Any) -> None:
    """Import a results.json of promptfoo: one run for each provider and prompt.

    The evalset is the configuration's description. With several runs, --run is the prefix of their
    names.
    """
    _import(read_promptfoo, **given)


def _import(
    read: Read, file: Path, primary: str | None, db: Path, as_json: bool, **names: Any
) -> None:
    naming = Naming(**names)
    runs = import_runs(read, file, naming, db, primary)
    if as_json:
        imported = [run.as_json() for run in runs]
        print_json(outputs.Import(runs=imported, left_out=naming.left_out))
        return
    columns = ("run", "evalset", "split", "items", "samples", "graders", "verdicts", "ungraded")
    rows: list[tuple[str, ...]] = []
    for one in runs:
        row = one.row
        counts = (row.items, one.samples, one.graders, one.verdicts, one.ungraded)
        rows.append((row.run, row.evalset, row.split, *map(str, counts)))
    print_table(columns, rows)
    if known := [one.row.run for one in runs if not one.new]:
        print_line(f"already imported, with the same content: {', '.join(known)}")
    for line in naming.left_out:
        print_line(f"left out {line}")
    for run in runs:
        if run.lacks:
            print_line(f"{run.row.run} is unfinished: {run.lacks}")
    print_line(f"saved in {db}; {_next(runs)}")


def _next(runs: list[Imported]) -> str:
    """The command that compares the imported runs."""
    first = runs[0].row
    alike = [
        one.row.run
        for one in runs[1:]
        if (one.row.evalset_digest, one.row.split) == (first.evalset_digest, first.split)
    ]
    names = [shlex.quote(name) for name in (first.run, *alike)]
    return f"flywheel compare {' '.join(names if alike else [*names, 'ANOTHER-RUN'])}"

"""flywheel grade: grade one sample or a file of samples."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel.cli.measure.measuring import spec_of
from flywheel.cli.terminal.options import judging, takes
from flywheel.cli.terminal.progress import progress
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.document import load_document
from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadOption
from flywheel.evals.evalset.grader_files import load_grader
from flywheel.outputs import work as outputs
from flywheel.visible import one_line
from flywheel.workspace.grading import grade as grade_samples
from flywheel.workspace.grading import grade_rows
from graders.grader import Grader
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded
from graders.wire import run_response


@takes(judging)
def grade(
    grader: Annotated[Path, typer.Argument(help="Grader definition, JSON or YAML.")],
    item: Annotated[Path | None, typer.Option(help="The item, a JSON file.")] = None,
    sample: Annotated[str | None, typer.Option(help="The answer to grade.")] = None,
    items: Annotated[
        Path | None, typer.Option(help='Rows {"item": {…}, "sample": …}, one a line.')
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output file for the verdicts on --items.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: cores.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace the file at --out.")] = False,
    **given: Any,
) -> None:
    """Grade one sample, or every row of a file.

    With --sample it prints the response of OpenAI's graders/run: the reward, every error flag,
    the parts of a multi. With --items and --out it writes one verdict per row and prints a summary.
    """
    if (sample is None) == (items is None) or (items is None) != (out is None):
        raise BadOption("give --sample TEXT, or --items ROWS.jsonl with --out GRADES.jsonl")
    if item is not None and items is not None:
        raise BadOption("--item is for --sample; the rows of --items contain their items")
    definition = load_grader(grader)
    spec = spec_of({**given, "workers": workers})
    if sample is not None:
        _grade_one(definition, item, sample, spec)
    elif items is not None and out is not None:
        if out.exists() and not overwrite:
            raise BadOption(f"{out} exists; name another file, or pass --overwrite")
        _grade_rows(definition, items, out, spec, given["as_json"])


def _grade_one(grader: Grader, item: Path | None, text: str, spec: EngineSpec) -> None:
    from pydantic import TypeAdapter

    fields: dict[str, Any] = {}
    if item is not None:
        fields = load_document(item).read_as(TypeAdapter(dict[str, Any]))
    start = time.perf_counter()
    (verdict,) = grade_samples(grader, [Sample(fields, text)], spec)
    seconds = time.perf_counter() - start
    if isinstance(verdict, Ungraded):
        if item is None and verdict.kind is Kind.VARIABLE:
            raise BadOption(
                f"{verdict.detail}; the grader {grader.name!r} uses the item: pass --item FILE"
            )
        # Also on standard error, since OpenAI's response has a reward of 0.0 for it.
        lines = [line.strip() for line in verdict.detail.splitlines() if line.strip()]
        # The last line of a traceback names the error.
        story = lines[-1] if lines else verdict.kind.value
        hint = "" if item else "; no --item was given"
        say(f"No verdict ({verdict.kind.value}): {one_line(story, 500)}{hint}")
    print_json(run_response(grader, verdict, seconds))


def _grade_rows(grader: Grader, rows: Path, out: Path, spec: EngineSpec, as_json: bool) -> None:
    with ExitStack() as stack:
        summary = grade_rows(
            grader, rows, out, spec, lambda count: stack.enter_context(progress("grading", count))
        )
    counts = summary.as_json()
    if as_json:
        print_json(outputs.Graded(grader=grader.name, out=str(out), **counts))
        return
    columns = ("grader", "n", "graded", "mean", "passed", "unparsed", "ungraded")
    cells = [number(summary.mean) if name == "mean" else str(counts[name]) for name in columns[1:]]
    print_table(columns, [(grader.name, *cells)])
    for kind, count in summary.ungraded.most_common():
        print_line(f"  ungraded {count}: {kind}")
    print_line(f"verdicts in {out}")

"""flywheel eval: measure a model on an evalset."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flywheel.cli.measure.measuring import open_measuring, options_of, report
from flywheel.cli.terminal.options import judging, sampling, storing, takes
from flywheel.cli.terminal.tables import print_line
from flywheel.errors import BadOption
from flywheel.workspace.local import Local
from flywheel.workspace.run import Run


@takes(sampling, judging, storing)
def evaluate(
    context: typer.Context,
    evalset: Annotated[str | None, typer.Argument(help="An evalset's name or folder.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="tiny, a folder, http://host/v1#MODEL, python:FILE.py:F …"
        ),
    ] = None,
    resume: Annotated[str | None, typer.Option(help="Resume this run.")] = None,
    cache: Annotated[bool, typer.Option(help="Use answers of earlier runs.")] = True,
    explain_cache: Annotated[
        bool, typer.Option(help="Print which earlier runs' answers would be used, and exit.")
    ] = False,
    **_: Any,
) -> None:
    """Measure a model on an evalset, and store every answer and score.

    After Ctrl-C, --resume RUN finishes the run, if evalset, model and prompt are the same.
    """
    if resume is None and (evalset is None or model is None):
        raise BadOption("give an EVALSET and a model (-m), or --resume RUN")
    options = options_of(context.params)
    if explain_cache and evalset and model:
        with open_measuring(context.params) as workspace:
            for line in workspace.explain_cache(evalset, model=model, **options):
                print_line(line)
        return

    def begin(workspace: Local) -> Run:
        if resume is not None:
            return workspace.resume(resume, evalset=evalset, **options)
        return workspace.eval(evalset or "", model=model or "", **options)

    report(context.params, begin)

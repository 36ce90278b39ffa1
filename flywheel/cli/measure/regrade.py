"""flywheel regrade: grade the answers of a run with other graders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel.cli.measure.measuring import report
from flywheel.cli.terminal.options import judging, storing, takes
from flywheel.errors import BadOption
from flywheel.workspace.local import Local
from flywheel.workspace.run import Run


@takes(judging, storing)
def regrade(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="The run whose answers are graded.")] = None,
    graders: Annotated[
        Path | None, typer.Option(help="A grader, or a list of them; YAML or JSON.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Resume this regrade: grade what has no verdict yet.")
    ] = None,
    **_: Any,
) -> None:
    """Grade the answers of a run with other graders. Nothing is sampled again.

    After Ctrl-C, --resume finishes the regrade with the same graders.
    """
    if (run is None) == (resume is None) or (run and graders is None):
        raise BadOption("give a RUN and --graders FILE, or --resume RUN")
    chosen = graders or ()

    def begin(workspace: Local) -> Run:
        if resume is not None:
            return workspace.resume_regrade(resume, chosen, wait=False)
        return workspace.regrade(run or "", chosen, wait=False)

    report(context.params, begin)

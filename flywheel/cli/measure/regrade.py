"""flywheel regrade: other graders over the answers that a run has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.measure.measuring import check_complete, finished, open_measuring, show_result
from flywheel.cli.terminal.options import (
    DEFAULT_DB,
    Db,
    InFlight,
    Json,
    JudgeApiKeyEnv,
    JudgeName,
    MaxCost,
    PriceFile,
    UnsafePython,
)
from flywheel.errors import BadOption


def regrade(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="The run whose answers are graded.")] = None,
    graders: Annotated[
        Path | None, typer.Option(help="A grader, or a list of them; YAML or JSON.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with this regrade: what has no verdict yet.")
    ] = None,
    judge: JudgeName = None,
    judge_api_key_env: JudgeApiKeyEnv = None,
    prices: PriceFile = None,
    max_cost: MaxCost = None,
    in_flight: InFlight = 64,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
    unsafe_local_python: UnsafePython = False,
) -> None:
    """Grade the answers of a run with other graders. Nothing is sampled again.

    Ctrl-C leaves a regrade that --resume finishes, with the graders that it began with.
    """
    if (run is None) == (resume is None) or (run and graders is None):
        raise BadOption("give a RUN and --graders FILE, or --resume RUN")
    with open_measuring(db, context.params) as workspace:
        if resume is not None:
            again = workspace.resume_regrade(resume, graders or (), wait=False)
        else:
            again = workspace.regrade(run or "", graders or (), wait=False)
        done = finished(again)
    show_result(done, as_json, db)
    check_complete(done.result)

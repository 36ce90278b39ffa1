"""flywheel eval: measure a model on an evalset."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.measure.measuring import open_measuring, options_of, report
from flywheel.cli.terminal.options import (
    DEFAULT_DB,
    ApiKeyEnv,
    Db,
    InFlight,
    Json,
    JudgeApiKeyEnv,
    JudgeName,
    Limit,
    MaxCost,
    MaxSamples,
    Model,
    PriceFile,
    PromptFile,
    Repeats,
    SplitName,
    Temperature,
    UnsafePython,
)
from flywheel.cli.terminal.tables import print_line
from flywheel.errors import BadOption
from flywheel.workspace.local import Local
from flywheel.workspace.run import Run


def evaluate(
    context: typer.Context,
    evalset: Annotated[str | None, typer.Argument(help="An evalset's name or folder.")] = None,
    model: Model = None,
    prompt: PromptFile = None,
    split: SplitName = "dev",
    repeats: Repeats = None,
    limit: Limit = None,
    temperature: Temperature = None,
    judge: JudgeName = None,
    api_key_env: ApiKeyEnv = None,
    judge_api_key_env: JudgeApiKeyEnv = None,
    prices: PriceFile = None,
    max_samples: MaxSamples = None,
    max_cost: MaxCost = None,
    in_flight: InFlight = 64,
    resume: Annotated[str | None, typer.Option(help="Resume this run.")] = None,
    cache: Annotated[bool, typer.Option(help="Use answers of earlier runs.")] = True,
    explain_cache: Annotated[
        bool, typer.Option(help="Print which earlier runs' answers would be used, and exit.")
    ] = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
    unsafe_local_python: UnsafePython = False,
) -> None:
    """Measure a model on an evalset, and keep every answer and score.

    Ctrl-C leaves a run that --resume RUN finishes, if evalset, model and prompt are the same.
    """
    if resume is None and (evalset is None or model is None):
        raise BadOption("give an EVALSET and a model (-m), or --resume RUN")
    options = options_of(context.params)
    if explain_cache and evalset and model:
        with open_measuring(db, context.params) as workspace:
            for line in workspace.explain_cache(evalset, model=model, **options):
                print_line(line)
        return

    def begin(workspace: Local) -> Run:
        if resume is not None:
            return workspace.resume(resume, evalset=evalset, **options)
        return workspace.eval(evalset or "", model=model or "", **options)

    report(db, context.params, as_json, begin)

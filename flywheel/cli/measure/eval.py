"""flywheel eval: measure a model on an evalset."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.measure.measuring import check_complete, measured, read_options, show_result
from flywheel.cli.terminal.options import (
    DEFAULT_DB,
    ApiKeyEnv,
    Db,
    InFlight,
    Json,
    JudgeApiKeyEnv,
    JudgeName,
    Limit,
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
from flywheel.evals.results.results import the_run
from flywheel.evals.run.cache import explain
from flywheel.evals.run.choose import plan_of, plan_of_run
from flywheel.evals.run.measure import begin
from flywheel.store.store import open_store


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
    in_flight: InFlight = 64,
    resume: Annotated[str | None, typer.Option(help="Go on with this run.")] = None,
    cache: Annotated[bool, typer.Option(help="Use answers of earlier runs.")] = True,
    explain_cache: Annotated[
        bool, typer.Option(help="Say which earlier runs' answers fit, and stop.")
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
    choice, asking = read_options(context.params)
    with open_store(db) as store:
        if resume is not None:
            row = the_run(store, resume)
            if row.kind == "regrade":
                raise BadOption(
                    f"{resume} is a regrade; go on with: flywheel regrade --resume {resume}"
                )
            plan = plan_of_run(store, row, asking.spec, evalset)
            done = measured(store, plan, asking, lambda: row)
        else:
            plan = plan_of(choice, asking.spec)
            if explain_cache:
                for line in explain(store, plan):
                    print_line(line)
                return
            done = measured(store, plan, asking, lambda: begin(plan, store))
    show_result(done, as_json, db)
    check_complete(done.result)

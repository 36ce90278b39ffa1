"""flywheel baseline: measure what there is, as what candidates have to beat."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.measure.measuring import options_of, report
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
    PriceFile,
    PromptFile,
    Repeats,
    SplitName,
    Temperature,
    UnsafePython,
)


def baseline(
    context: typer.Context,
    evalset: Annotated[str, typer.Argument(help="An evalset's name or folder.")],
    model: Annotated[str, typer.Option("--model", "-m", help="As for flywheel eval.")],
    prompt: PromptFile = None,
    split: SplitName = "dev",
    repeats: Repeats = None,
    limit: Limit = None,
    temperature: Temperature = None,
    judge: JudgeName = None,
    judge_floors: Annotated[
        bool, typer.Option(help="Ask the judge about floors too: at most 200 more answers.")
    ] = False,
    api_key_env: ApiKeyEnv = None,
    judge_api_key_env: JudgeApiKeyEnv = None,
    prices: PriceFile = None,
    max_samples: MaxSamples = None,
    max_cost: MaxCost = None,
    in_flight: InFlight = 64,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
    unsafe_local_python: UnsafePython = False,
) -> None:
    """Measure a model, and make the run the one that candidates have to beat.

    Nothing is trained before there is a baseline on the same evalset, graders and sampling.
    """
    options = options_of(context.params)
    report(db, context.params, as_json, lambda ws: ws.baseline(evalset, model=model, **options))

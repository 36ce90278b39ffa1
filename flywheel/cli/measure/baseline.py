"""flywheel baseline: measure the run that candidates have to beat."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flywheel.cli.measure.measuring import options_of, report
from flywheel.cli.terminal.options import judging, sampling, storing, takes


@takes(sampling, judging, storing)
def baseline(
    context: typer.Context,
    evalset: Annotated[str, typer.Argument(help="An evalset's name or folder.")],
    model: Annotated[str, typer.Option("--model", "-m", help="As for flywheel eval.")],
    judge_floors: Annotated[
        bool, typer.Option(help="Also measure floors with the judge: at most 200 more answers.")
    ] = False,
    **_: Any,
) -> None:
    """Measure a model, and make the run the baseline that candidates have to beat.

    A training needs a baseline with the same evalset, graders and sampling.
    """
    options = options_of(context.params)
    report(context.params, lambda ws: ws.baseline(evalset, model=model, **options))

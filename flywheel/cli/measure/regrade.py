"""flywheel regrade: other graders over the answers that a run has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.measure.measuring import (
    Measured,
    check_complete,
    cost_of,
    read_options,
    say_unpriced,
    show_result,
    stoppable,
)
from flywheel.cli.terminal.options import (
    DEFAULT_DB,
    Db,
    InFlight,
    Json,
    JudgeApiKeyEnv,
    JudgeName,
    PriceFile,
    UnsafePython,
)
from flywheel.cli.terminal.progress import progress
from flywheel.engines.needs import check_needs
from flywheel.engines.open import open_engine
from flywheel.errors import BadOption
from flywheel.evals.evalset.grader_files import load_graders
from flywheel.evals.grading.regrade import (
    begin_regrade,
    count_left,
    find_regrade,
    go_on_regrade,
    graders_of,
)
from flywheel.store.store import open_store


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
    chosen = load_graders(graders) if graders else ()
    _, asking = read_options(context.params)
    options = asking.resume_options()
    judged = asking.spec.judge_digest
    with open_store(db) as store, open_engine(asking.spec) as engine:
        row = find_regrade(store, resume, chosen, judged) if resume else None
        check_needs(graders_of(store, row) if row else chosen, asking.spec)
        row = row or begin_regrade(store, run or "", chosen, judged)
        cost = cost_of(engine.judge)
        with (
            stoppable(row, store, options),
            progress("grading", count_left(store, row), "verdicts", cost) as advance,
        ):
            result = go_on_regrade(store, row, engine, advance)
    say_unpriced(engine.judge)
    show_result(Measured(result, engine.judge, options), as_json, db)
    check_complete(result)

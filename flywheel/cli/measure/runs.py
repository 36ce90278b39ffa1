"""flywheel runs, flywheel show, flywheel regrade: what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

RunName = Annotated[str, typer.Argument(help="Run name or a unique prefix; latest, latest~1.")]


def runs(
    evalset: Annotated[str | None, typer.Argument(help="Of this evalset only.")] = None,
    most: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 20,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List the runs in the store, the newest first."""
    from flywheel.cli.terminal.tables import number, print_json, print_table
    from flywheel.evals.results.results import load_result
    from flywheel.store.store import open_store
    from flywheel.store.tables.runs import list_runs

    with open_store(db) as store:
        names = [str(row["run"]) for row in list_runs(store, most, evalset)]
        results = [load_result(store, name) for name in names]
    if as_json:
        print_json([result.as_json() for result in results])
        return
    columns = ("run", "kind", "status", "evalset", "split", "model", "n", "mean", "low", "high")
    rows: list[tuple[str, ...]] = []
    for result in results:
        found, row = result.as_json(), result.run
        means = [number(found["primary"][key]) for key in ("mean", "low", "high")]
        names_ = (row.evalset, row.split, row.model)
        rows.append((row.run, row.kind, result.status or "-", *names_, str(result.n), *means))
    drop = ("kind", "split", "n", "status", "low", "high", "evalset")
    print_table(columns, rows, drop=drop)


def show(
    run: RunName,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst items.")] = 5,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show a run: its figures, its slices, its worst items, its cost."""
    from textwrap import indent

    from flywheel.cli.measure.measuring import Measured, show_result
    from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
    from flywheel.evals.results.results import load_result
    from flywheel.evals.results.worst_items import slices, worst_items
    from flywheel.reports.words import cut
    from flywheel.store.store import open_store
    from flywheel.visible import one_line

    with open_store(db) as store:
        result = load_result(store, run)
        parts, bad = slices(store, result.run), worst_items(store, result.run, worst)
    if as_json:
        found = result.as_json()
        found["slices"] = [part._asdict() for part in parts]
        found["worst"] = [item._asdict() for item in bad]
        print_json(found)
        return
    show_result(Measured(result), False, db)
    if parts:
        print_line("")
        rows = [(p.tag, str(p.n), number(p.mean), number(p.low), number(p.high)) for p in parts]
        print_table(("slice", "items", "mean", "low", "high"), rows)
    for item in bad:
        shown, more = cut(item.output)
        print_line(f"\n{one_line(item.id)}  {number(item.score)}  {one_line(item.reason, 400)}")
        print_line(indent(shown, "  ") if shown.strip() else "  (nothing)")
        if more:
            print_line(f"  … {more:,} more characters; --json shows them")


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
    from flywheel.cli.measure.measuring import (
        Measured,
        check_complete,
        cost_of,
        read_options,
        say_unpriced,
        show_result,
        stoppable,
    )
    from flywheel.cli.terminal.progress import progress
    from flywheel.engines.here import Here
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

    if (run is None) == (resume is None) or (run and graders is None):
        raise BadOption("give a RUN and --graders FILE, or --resume RUN")
    chosen = load_graders(graders) if graders else ()
    _, asking = read_options(context.params)
    options = asking.resume_options()
    with open_store(db) as store:
        row = find_regrade(store, resume, chosen, asking.judge_digest) if resume else None
        asked = asking.open_judge(graders_of(store, row) if row else chosen)
        row = row or begin_regrade(store, run or "", chosen, asking.judge_digest)
        with (
            stoppable(row, store, options),
            Here(asked, unsafe_python=unsafe_local_python) as engine,
            progress("grading", count_left(store, row), "verdicts", cost_of(asked)) as advance,
        ):
            result = go_on_regrade(store, row, engine, advance)
    say_unpriced(asked)
    show_result(Measured(result, asked, options), as_json, db)
    check_complete(result)

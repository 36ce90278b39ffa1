"""Shared by `eval`, `baseline` and `regrade`: open the workspace, measure, show the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp
from pathlib import Path
from typing import Any, NamedTuple

import typer

from flywheel.cli.terminal.failure import INCOMPLETE, is_interrupt
from flywheel.cli.terminal.progress import progress
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.engines.engine import EngineSpec
from flywheel.evals.results.results import Result
from flywheel.outputs import runs as outputs
from flywheel.reports.words import visible
from flywheel.samplers.failures import summary
from flywheel.samplers.meter import Meter
from flywheel.samplers.price import load_prices
from flywheel.store.place import db_option
from flywheel.visible import one_line
from flywheel.workspace.local import Local
from flywheel.workspace.open import open_workspace
from flywheel.workspace.options import Options
from flywheel.workspace.run import Run

_CUT = "truncated at max_completion_tokens and graded as they are"
_REFUSED = "refusals, or stopped by a content filter"


class Measured(NamedTuple):
    """A run's result, the judge's usage in this process, and the options for resuming it."""

    result: Result
    judge: Meter | None = None
    options: str = ""


def spec_of(given: Mapping[str, Any]) -> EngineSpec:
    """The engine's configuration from these options. Raises BadFile for unreadable prices."""
    return EngineSpec(
        judge=given["judge"],
        key_env=given.get("api_key_env"),
        judge_key_env=given["judge_api_key_env"],
        in_flight=given.get("in_flight", 64),
        unsafe_python=given["unsafe_local_python"],
        workers=given.get("workers"),
        prices=load_prices(given["prices"]) if given["prices"] else None,
        max_samples=given.get("max_samples"),
        max_cost=given["max_cost"],
    )


def open_measuring(given: Mapping[str, Any]) -> Local:
    """The workspace for the options of `eval`, `baseline` or `regrade`.

    Raises BadFile for unreadable prices, before any request.
    """
    return open_workspace(given["db"], spec_of(given))


def report(given: Mapping[str, Any], begin: Callable[[Local], Run]) -> None:
    """Finish the run that `begin` starts, show it, and exit with INCOMPLETE if it is incomplete."""
    with open_measuring(given) as workspace:
        done = finished(begin(workspace))
    show_result(done, given["as_json"], given["db"])
    # Requests failed, or nothing is graded.
    if not done.result.is_complete:
        raise typer.Exit(INCOMPLETE)


def options_of(given: Mapping[str, Any]) -> Options:
    """The options of a measurement among these."""
    names = Options.__annotations__.keys() - {"judge", "wait"}
    chosen: Any = {name: given[name] for name in names if name in given}
    return Options(**chosen, wait=False)


def finished(run: Run) -> Measured:
    """Wait for a run, with a progress bar. Ctrl-C prints how to resume, and exits with 130."""
    doing = run.doing
    assert doing is not None, "it has just started"
    try:
        with progress(doing.what, doing.total, doing.unit, doing.cost) as advance:
            run.wait(advance)
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_interrupt(error):
            raise
        say(f"Stopped. Resume with: {run.resume_command()}")
        raise typer.Exit(130) from None
    say_unpriced(*doing.meters)
    return Measured(run.result, doing.judge, doing.options)


def say_unpriced(*meters: Meter | None) -> None:
    """Name the models without a price, whose usage is not in the cost."""
    for model in sorted({name for meter in meters if meter for name in meter.unpriced}):
        say(f"No price for {model!r}: its usage is not included in the cost.")


def show_result(done: Measured, as_json: bool, db: Path) -> None:
    """Print the result as a table, or as JSON."""
    result, judge, options = done
    options += db_option(db)
    if as_json:
        value = result.as_json()
        if judge is not None:
            taken = outputs.Taken(answers=judge.answers, tokens=judge.tokens, price=judge.price)
            value["judge"] = taken
        print_json(value)
        return
    row = result.run
    run = one_line(row.run)
    of = f"{one_line(row.evalset)} {row.split}, {one_line(row.model)}"
    print_line(f"{run}  {row.kind} of {of}")
    columns = ("grader", "n", "mean", "low", "high", "passed", "unparsed", "ungraded")
    rows: list[tuple[str, ...]] = []
    for name, figure in result.figures.items():
        summary, values = figure.summary, figure.as_json()
        mark = "*" if name == row.primary_grader else ""
        counts = (summary.passed, summary.unparsed, values["ungraded"])
        means = (number(values[key]) for key in ("mean", "low", "high"))
        rows.append((name + mark, str(summary.n), *means, *map(str, counts)))
    print_table(columns, rows)
    print_line(f"* primary, with its 95% interval; {_usage(result)}")
    _show_floors(result)
    if others := result.other_models:
        named = ", ".join(f"{one_line(name)} ({count:,})" for name, count in others.items())
        print_line(f"answered by {named}")
    if judge is not None:
        price = "" if judge.price is None else f", ${judge.price:.4f}"
        print_line(f"the judge: {judge.answers} answers, {judge.tokens:,} tokens{price}")
    for line in _gaps(result, options):
        print_line(line)
    print_line(f"saved in {db}; flywheel show {run}{db_option(db)}")


def _show_floors(result: Result) -> None:
    floors = result.floors
    if floors is None or not (description := floors.describe()):
        return
    print_line(visible(description))
    interval, highest = result.primary and result.primary.interval, floors.highest
    if highest and interval and (interval.low or interval.mean) <= highest.mean:
        print_line(f"The run is not significantly above the {visible(highest.label)}")


def _gaps(result: Result, options: str) -> list[str]:
    """What is missing in a result, why, and the command that completes it."""
    row, lines = result.run, list[str]()
    if result.failures:
        failed = sum(reason.count for reason in result.failures)
        lines.append(f"{failed} of {result.planned} requests failed: {summary(result.failures)}")
        if row.kind not in ("regrade", "import"):
            lines.append(f"to retry: flywheel eval --resume {row.run}{options}")
    for count, what in ((result.cost.truncated, _CUT), (result.cost.refused, _REFUSED)):
        if count:
            lines.append(f"{what}: {count} of {result.n} answers")
    if result.no_verdict:
        share = result.ungraded / max(result.n, 1)
        why = summary(result.no_verdict)
        lines.append(f"{result.ungraded} answers ({share:.0%}) have no verdict: {why}")
        if row.kind == "regrade":
            lines.append(f"to grade them again: flywheel regrade --resume {row.run}{options}")
        elif row.kind != "import":
            again = "baseline" if row.kind == "baseline" else "eval"
            lines.append(f"to grade them again: the same flywheel {again}; cached answers are used")
    return lines


def _usage(result: Result) -> str:
    """The number of answers, time, tokens and cost of a run, as text."""
    cost = result.cost
    if result.run.kind == "regrade":
        return f"{result.n} answers graded again in {result.seconds:.1f} s"
    if result.run.kind == "import":
        parts = [f"{result.n} answers imported"]
    else:
        short = result.n < result.planned
        of = f"{result.n} of {result.planned} answers" if short else f"{result.n} answers"
        parts = [f"{of} in {result.seconds:.1f} s"]
    if cost.cached:
        parts.append(f"{cost.cached} from the cache")
    tokens = cost.prompt_tokens + cost.completion_tokens
    if tokens or cost.cached == result.n:
        parts.append(f"{tokens:,} tokens")
    else:
        parts.append("no token counts")
    if cost.price is not None:
        parts.append(f"${cost.price:.4f}")
    if cost.loss is not None:
        parts.append(f"reference loss {cost.loss:.3f}, perplexity {exp(min(cost.loss, 700)):.2f}")
    return ", ".join(parts)

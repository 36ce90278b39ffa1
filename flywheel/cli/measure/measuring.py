"""What `eval`, `baseline` and `regrade` share: open everything, measure, show the result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import exp
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

import typer

from flywheel.cli.terminal.failure import INCOMPLETE, is_interrupt
from flywheel.cli.terminal.progress import progress
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.engines.engine import EngineSpec
from flywheel.engines.needs import check_needs
from flywheel.engines.open import open_engine
from flywheel.evals.results.results import Result
from flywheel.evals.run.choose import Choice
from flywheel.evals.run.events import resume_command
from flywheel.evals.run.measure import Bench, go_on
from flywheel.evals.run.plan import Plan
from flywheel.reports.words import visible
from flywheel.samplers.failures import summary
from flywheel.samplers.meter import Meter
from flywheel.samplers.price import load_prices
from flywheel.store.place import db_option
from flywheel.store.store import Store
from flywheel.store.tables.runs import RunRow
from flywheel.visible import one_line

_CUT = "cut at max_completion_tokens, and graded as they are"
_REFUSED = "refusals, or stopped by a content filter"


@dataclass(frozen=True, slots=True)
class Asking:
    """How a run is carried out, beside what it measures."""

    spec: EngineSpec
    cache: bool = True
    judge_floors: bool = False
    evalset: str = ""

    def resume_options(self) -> str:
        """What a command that resumes the run has to name again.

        That is a folder of the evalset which its name does not find, who judges, where keys are.
        """
        folder = f" {quote(self.evalset)}" if Path(self.evalset).name != self.evalset else ""
        given = {
            "--judge": self.spec.judge,
            "--api-key-env": self.spec.key_env,
            "--judge-api-key-env": self.spec.judge_key_env,
        }
        return folder + "".join(f" {name} {quote(value)}" for name, value in given.items() if value)


class Measured(NamedTuple):
    """A run's result, what its judge took just now, and the options that resuming it needs."""

    result: Result
    judge: Meter | None = None
    options: str = ""


def read_options(given: Mapping[str, Any]) -> tuple[Choice, Asking]:
    """What the options of `eval`, `baseline` or `regrade` ask for. They share their names.

    Raises BadFile for prices that cannot be read, before anything is asked.
    """
    choice = Choice(
        evalset=given.get("evalset") or "",
        model=given.get("model") or "",
        split=given.get("split", "dev"),
        prompt=given.get("prompt"),
        repeats=given.get("repeats"),
        limit=given.get("limit"),
        temperature=given.get("temperature"),
    )
    spec = EngineSpec(
        judge=given["judge"],
        key_env=given.get("api_key_env"),
        judge_key_env=given["judge_api_key_env"],
        in_flight=given["in_flight"],
        unsafe_python=given["unsafe_local_python"],
        prices=load_prices(given["prices"]) if given["prices"] else None,
    )
    asking = Asking(
        spec,
        cache=given.get("cache", True),
        judge_floors=given.get("judge_floors", False),
        evalset=given.get("evalset") or "",
    )
    return choice, asking


def measured(store: Store, plan: Plan, asking: Asking, begin: Callable[[], RunRow]) -> Measured:
    """Do what is left of a run, with a bar.

    `begin` gives the run: a new one is written down only when all that it needs is here.
    """
    what = f"{plan.evalset.name} {plan.split}"
    with open_engine(asking.spec) as engine:
        meters = engine.open(plan.model), engine.judge
        check_needs(plan.graders, asking.spec)
        row, options = begin(), asking.resume_options()
        with (
            stoppable(row, store, options),
            progress(what, plan.count * plan.repeats, cost=cost_of(*meters)) as advance,
        ):
            bench = Bench(store, engine, advance, asking.cache, asking.judge_floors, options)
            result = go_on(plan, row, bench)
    say_unpriced(*meters)
    return Measured(result, engine.judge, options)


@contextmanager
def stoppable(row: RunRow, store: Store, options: str) -> Generator[None]:
    """Ctrl-C says how to go on, and exits with 130."""
    try:
        yield
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_interrupt(error):
            raise
        say(f"Stopped. Resume with: {resume_command(row, store, options)}")
        raise typer.Exit(130) from None


def cost_of(*meters: Meter | None) -> Callable[[], float | None]:
    """What all these meters say together, None while none of them knows a price."""

    def cost() -> float | None:
        known = [meter.price for meter in meters if meter and meter.price is not None]
        return sum(known) if known else None

    return cost


def say_unpriced(*meters: Meter | None) -> None:
    """Name the models that the user's prices forgot: what they cost is in no sum."""
    for model in sorted({name for meter in meters if meter for name in meter.unpriced}):
        say(f"No price fits {model!r}: what it took is not in the cost.")


def show_result(done: Measured, as_json: bool, db: Path) -> None:
    """One table for people, or the JSON object that scripts read."""
    result, judge, options = done
    options += db_option(db)
    if as_json:
        print_json(result.as_json() | _taken(judge))
        return
    row = result.run
    run = one_line(row.run)
    of = f"{one_line(row.evalset)} {row.split}, {one_line(row.model)}"
    print_line(f"{run}  {row.kind} of {of}")
    columns = ("grader", "n", "mean", "low", "high", "passed", "unparsed", "ungraded")
    rows: list[tuple[str, ...]] = []
    for name, figure in result.figures.items():
        summary, found = figure.summary, figure.as_json()
        mark = "*" if name == row.primary_grader else ""
        counts = (summary.passed, summary.unparsed, found["ungraded"])
        means = (number(found[key]) for key in ("mean", "low", "high"))
        rows.append((name + mark, str(summary.n), *means, *map(str, counts)))
    print_table(columns, rows)
    print_line(f"* primary, with its 95% interval; {_told(result)}")
    _show_floors(result)
    if others := result.other_models:
        named = ", ".join(f"{one_line(name)} ({count:,})" for name, count in others.items())
        print_line(f"answered by {named}")
    if judge is not None:
        price = "" if judge.price is None else f", ${judge.price:.4f}"
        print_line(f"the judge: {judge.answers} answers, {judge.tokens:,} tokens{price}")
    for line in _gaps(result, options):
        print_line(line)
    print_line(f"kept in {db}; flywheel show {run}{db_option(db)}")


def _show_floors(result: Result) -> None:
    floors = result.floors
    if floors is None or not (told := floors.describe()):
        return
    print_line(visible(told))
    interval, highest = result.primary and result.primary.interval, floors.highest
    if highest and interval and (interval.low or interval.mean) <= highest.mean:
        print_line(f"The run is not shown to be above the {visible(highest.label)}")


def check_complete(result: Result) -> None:
    """Exit with INCOMPLETE, once the result is shown, when requests failed or nothing is graded."""
    if not result.is_complete:
        raise typer.Exit(INCOMPLETE)


def _gaps(result: Result, options: str) -> list[str]:
    """What is missing in a result, why, and how to get it."""
    row, lines = result.run, list[str]()
    if result.failures:
        failed = sum(reason.count for reason in result.failures)
        lines.append(f"{failed} of {result.planned} requests failed: {summary(result.failures)}")
        if row.kind not in ("regrade", "import"):
            lines.append(f"to send them again: flywheel eval --resume {row.run}{options}")
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


def _taken(judge: Meter | None) -> dict[str, Any]:
    if judge is None:
        return {}
    return {"judge": {"answers": judge.answers, "tokens": judge.tokens, "price": judge.price}}


def _told(result: Result) -> str:
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

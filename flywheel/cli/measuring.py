"""What `eval` and `baseline` share: open everything, measure with a bar, show the result."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from flywheel.evals.plan import Plan
    from flywheel.evals.results import Result
    from flywheel.samplers.resolve import Setting
    from flywheel.store.runs import RunRow
    from flywheel.store.store import Store


@dataclass(frozen=True, slots=True)
class Asking:
    """How a run is carried out, beside what it measures."""

    judge: str | None = None
    in_flight: int = 64
    cache: bool = True
    unsafe_python: bool = False

    def setting(self, model: str) -> Setting:
        """What model names mean on this machine. The shipped weights are verified when named."""
        from flywheel.samplers.endpoint import EndpointOptions
        from flywheel.samplers.resolve import Setting
        from flywheel.tiny.weights import SHIPPED, tiny_folder

        folders = {"tiny": tiny_folder() if "tiny" in (model, self.judge) else SHIPPED}
        endpoint = EndpointOptions(url="", in_flight=self.in_flight)
        return Setting(folders=folders, endpoint=endpoint)


def measured(store: Store, plan: Plan, row: RunRow, asking: Asking) -> Result:
    """Do what is left of a run, with a bar. Ctrl-C says how to go on, and exits with 130."""
    from flywheel.cli.progress import progress
    from flywheel.engines.here import Here
    from flywheel.evals.measure import Bench, go_on
    from flywheel.samplers.resolve import open_sampler

    setting = asking.setting(plan.model)
    sampler = open_sampler(plan.model, setting)
    judge = open_sampler(asking.judge, setting) if asking.judge else None
    what = f"{plan.evalset.name} {plan.split}"
    try:
        with (
            Here(judge, unsafe_python=asking.unsafe_python) as engine,
            progress(what, plan.count * plan.repeats) as advance,
        ):
            return go_on(plan, row, Bench(store, sampler, engine, advance, asking.cache))
    except KeyboardInterrupt:
        sys.stderr.write(f"Stopped. Go on with: flywheel eval --resume {row.run}\n")
        raise typer.Exit(130) from None


def show_result(result: Result, as_json: bool, db: Path) -> None:
    """One table for people, or the JSON object that scripts read."""
    from flywheel.cli.tables import number, print_json, print_line, print_table

    if as_json:
        print_json(result.as_json())
        return
    row, cost = result.run, result.cost
    print_line(f"{row.run}  {row.kind} of {row.evalset} {row.split}, {row.model}")
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
    if cost.errors:
        print_line(f"{cost.errors} requests failed; flywheel eval --resume {row.run} asks again")
    if result.ungraded > cost.errors:
        share = (result.ungraded - cost.errors) / max(result.n, 1)
        print_line(f"{result.ungraded - cost.errors} answers ({share:.0%}) have no verdict")
    print_line(f"kept in {db}; flywheel show {row.run}")


def _told(result: Result) -> str:
    cost = result.cost
    parts = [f"{result.n} answers in {result.seconds:.1f} s"]
    if cost.cached:
        parts.append(f"{cost.cached} from the cache")
    parts.append(f"{cost.prompt_tokens + cost.completion_tokens:,} tokens")
    if cost.price is not None:
        parts.append(f"${cost.price:.4f}")
    if cost.loss is not None:
        from math import exp

        parts.append(f"reference loss {cost.loss:.3f}, perplexity {exp(min(cost.loss, 700)):.2f}")
    return ", ".join(parts)

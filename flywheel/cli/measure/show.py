"""flywheel show: one run."""

from __future__ import annotations

from textwrap import indent
from typing import Annotated

import typer

from flywheel.cli.measure.measuring import (
    Measured,
    show_result,
)
from flywheel.cli.terminal.options import (
    DEFAULT_DB,
    Db,
    Json,
)
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.evals.results.results import load_result
from flywheel.evals.results.worst_items import slices, worst_items
from flywheel.reports.words import cut
from flywheel.store.store import open_store
from flywheel.visible import one_line

RunName = Annotated[str, typer.Argument(help="Run name or a unique prefix; latest, latest~1.")]


def show(
    run: RunName,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst items.")] = 5,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show a run: its figures, its slices, its worst items, its cost."""
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

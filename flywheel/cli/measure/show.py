"""flywheel show: show one run."""

from __future__ import annotations

from textwrap import indent
from typing import Annotated

import typer

from flywheel.cli.measure.measuring import Measured, show_result
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.outputs.runs import ShownRun, Slice, WorstItem
from flywheel.reports.words import cut
from flywheel.visible import one_line
from flywheel.workspace.open import open_reading

RunName = Annotated[str, typer.Argument(help="Run name or a unique prefix; latest, latest~1.")]


def show(
    run: RunName,
    worst: Annotated[int, typer.Option(min=0, help="Number of worst items to show.")] = 5,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show a run: scores, slices, worst items and cost."""
    with open_reading(db) as workspace:
        chosen = workspace.run(run)
        result, parts, bad = chosen.result, chosen.slices(), chosen.worst(worst)
    if as_json:
        slices = [Slice(**part._asdict()) for part in parts]
        worst_items = [WorstItem(**item._asdict()) for item in bad]
        print_json(ShownRun(**result.as_json(), slices=slices, worst=worst_items))
        return
    show_result(Measured(result), False, db)
    if parts:
        print_line("")
        rows = [(p.tag, str(p.n), number(p.mean), number(p.low), number(p.high)) for p in parts]
        print_table(("slice", "items", "mean", "low", "high"), rows)
    for item in bad:
        text, more = cut(item.output)
        print_line(f"\n{one_line(item.id)}  {number(item.score)}  {one_line(item.reason, 400)}")
        print_line(indent(text, "  ") if text.strip() else "  (nothing)")
        if more:
            print_line(f"  … {more:,} more characters; --json shows them")

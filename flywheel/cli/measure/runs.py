"""flywheel runs: list the runs in the store."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json
from flywheel.cli.terminal.tables import number, print_json, print_table
from flywheel.workspace.open import open_reading


def runs(
    evalset: Annotated[str | None, typer.Argument(help="Show only runs of this evalset.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 20,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List the runs in the store, newest first."""
    with open_reading(db) as workspace:
        results = [run.result for run in workspace.runs(evalset, most)]
    if as_json:
        print_json([result.as_json() for result in results])
        return
    columns = ("run", "kind", "status", "evalset", "split", "model", "n", "mean", "low", "high")
    rows: list[tuple[str, ...]] = []
    for result in results:
        values, row = result.as_json(), result.run
        means = [number(values["primary"][key]) for key in ("mean", "low", "high")]
        names_ = (row.evalset, row.split, row.model)
        rows.append((row.run, row.kind, result.status or "-", *names_, str(result.n), *means))
    drop = ("kind", "split", "n", "status", "low", "high", "evalset")
    print_table(columns, rows, drop=drop)

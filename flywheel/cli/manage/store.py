"""flywheel store: check, compact, export and rebuild the database file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.terminal.options import DEFAULT_DB, Json
from flywheel.cli.terminal.tables import print_json, print_line, print_table
from flywheel.errors import BadFile
from flywheel.outputs import work as outputs
from flywheel.store.upkeep.check import check_store
from flywheel.store.upkeep.compact import compact_store
from flywheel.store.upkeep.export import Manifest
from flywheel.store.upkeep.rebuild import rebuild_store
from flywheel.workspace.open import open_workspace

store = typer.Typer(
    help="Check, compact, export and rebuild the store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


Db = Annotated[Path, typer.Option(envvar="FLYWHEEL_DB", help="Database file.")]


@store.callback()
def _group() -> None:
    """Check, compact, export and rebuild the store."""


@store.command()
def check(
    head: Annotated[
        str | None, typer.Option(help="A head that `gate` printed; it must still be in the chain.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Read the whole store and verify every row's references.

    Changes nothing. Exits with 1 if there is a problem.
    """
    report = check_store(db, head)
    ok = not report.findings
    if as_json:
        print_json(outputs.StoreCheck(ok=ok, db=str(db), **asdict(report)))
    else:
        print_table(("table", "rows"), [(name, str(rows)) for name, rows in report.rows.items()])
        for finding in report.findings:
            example = f", such as {finding.example}" if finding.example else ""
            print_line(f"{finding.table}: {finding.count} {finding.story}{example}")
        free = f", {_megabytes(report.free)} of it free" if report.free else ""
        print_line(f"{db}: {'ok' if ok else 'BAD'}, {_megabytes(report.size)}{free}")
    raise typer.Exit(0 if ok else 1)


@store.command()
def compact(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Rewrite the file without the free space in it.

    Needs free disk space for the new file. If it is killed, either the old or the new file remains.
    """
    done = compact_store(db)
    if as_json:
        print_json(outputs.Compacted(ok=True, db=str(db), **asdict(done)))
    else:
        print_line(f"{db}: {_megabytes(done.before)} -> {_megabytes(done.after)}")


@store.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the Parquet files.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Write every table to a Parquet file, with a manifest that `rebuild` checks."""
    if not db.is_file():
        raise BadFile(f"{db}: no such file; name the store with --db")
    with open_workspace(db) as workspace:
        manifest = workspace.export(folder)
    _show(manifest, db, folder, as_json)


@store.command()
def rebuild(
    folder: Annotated[Path, typer.Argument(help="Folder written by `export`.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Create a new store from an export. Never overwrites an existing store."""
    _show(rebuild_store(folder, db), folder, db, as_json)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _show(manifest: Manifest, source: Path, target: Path, as_json: bool) -> None:
    rows = {name: table.rows for name, table in manifest.tables.items()}
    if as_json:
        copied: outputs.Copied
        copied = {"ok": True, "from": str(source), "to": str(target), "rows": rows}
        print_json(copied)
    else:
        print_line(f"{source} -> {target}: {sum(rows.values())} rows in {len(rows)} tables")

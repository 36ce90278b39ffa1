"""The `flywheel` command. Each subcommand lives in a file of its own, and loads what it needs late.

So `flywheel --help` stays fast: no torch, no pandas, not even the graders are imported for it.
"""

from __future__ import annotations

import sys

import typer

from flywheel.cli.baseline import baseline
from flywheel.cli.compare import compare
from flywheel.cli.data import data
from flywheel.cli.demo import demo
from flywheel.cli.doctor import doctor
from flywheel.cli.eval import evaluate
from flywheel.cli.gate import GateCommand, gate
from flywheel.cli.grade import grade
from flywheel.cli.graders import graders
from flywheel.cli.import_ import import_
from flywheel.cli.jobs import job, jobs
from flywheel.cli.leakage import leakage
from flywheel.cli.plan import plan
from flywheel.cli.review import review
from flywheel.cli.runs import regrade, runs, show
from flywheel.cli.store import store
from flywheel.cli.tiny import tiny
from flywheel.cli.train import train

app = typer.Typer(
    help="Measure first, then try to beat the measurement, and let statistics decide.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(baseline)
app.command()(compare)
app.command()(demo)
app.command()(doctor)
app.command("eval")(evaluate)
app.command(cls=GateCommand)(gate)
app.command()(grade)
app.command()(job)
app.command()(jobs)
app.command()(leakage)
app.command()(plan)
app.command()(regrade)
app.command()(review)
app.command()(runs)
app.command()(show)
app.command()(train)
app.add_typer(data, name="data")
app.add_typer(graders, name="graders")
app.add_typer(import_, name="import")
app.add_typer(store, name="store")
app.add_typer(tiny, name="tiny")


def main() -> None:
    """Run the command line. An error that the user can mend is one line, and exit code 1."""
    from flywheel.errors import FlywheelError

    try:
        app()
    except FlywheelError as error:
        shown = str(error).encode("utf-8", "backslashreplace").decode()
        sys.stderr.write(f"Error: {shown}\n")
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(1)

"""The `flywheel` command. Each subcommand lives in a file of its own, and loads what it needs late.

So `flywheel --help` stays fast: no torch, no pandas, not even the graders are imported for it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flywheel import __version__
from flywheel.cli.decide.compare import compare
from flywheel.cli.decide.gate import GateCommand, gate
from flywheel.cli.decide.plan import plan
from flywheel.cli.decide.review import review
from flywheel.cli.improve.data import data
from flywheel.cli.improve.jobs import job, jobs
from flywheel.cli.improve.leakage import leakage
from flywheel.cli.improve.train import train
from flywheel.cli.manage.demo import demo
from flywheel.cli.manage.doctor import doctor
from flywheel.cli.manage.import_ import import_
from flywheel.cli.manage.store import store
from flywheel.cli.manage.tiny import tiny
from flywheel.cli.measure.baseline import baseline
from flywheel.cli.measure.eval import evaluate
from flywheel.cli.measure.grade import grade
from flywheel.cli.measure.graders import graders
from flywheel.cli.measure.runs import regrade, runs, show
from flywheel.cli.terminal.failure import INTERRUPTED, report
from flywheel.cli.terminal.streams import flush_output, open_streams, say
from flywheel.cli.terminal.tables import print_line

_EXIT_CODES = """\b
Exit codes:
  0    done; for gate: promote
  1    an error whose message says what to do; a check that found a fault;
       for gate: keep the baseline
  2    the command line is wrong; for gate: undecided
  3    for gate only: any error
  4    for eval, baseline, regrade: some answers or all verdicts are missing
  70   a bug in flywheel; FLYWHEEL_TRACEBACK=1 shows where it happened
  130  stopped by ctrl-C
"""


@contextmanager
def _interruptible() -> Generator[None]:
    """End with one line at ctrl-C. Typer would end with the same code and without one."""
    try:
        yield
    except KeyboardInterrupt:
        say("Stopped.")
        raise typer.Exit(INTERRUPTED) from None


class _Commands(TyperGroup):
    """Every command that does not handle ctrl-C itself ends with one line."""

    def make_context(self, *args: Any, **named: Any) -> Any:
        """Read the command line, which loads pydantic."""
        with _interruptible():
            return super().make_context(*args, **named)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _interruptible():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Measure first, then try to beat the measurement, and let statistics decide.",
    epilog=_EXIT_CODES,
    # Hints name the first one.
    context_settings={"help_option_names": ["--help", "-h"]},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"flywheel {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Measure first, then try to beat the measurement, and let statistics decide."""


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


def run() -> int:
    """Run the command line on open streams. Returns the exit code."""
    open_streams()
    try:
        code = app(standalone_mode=False)
        flush_output()
    except Exception as error:
        return report(error)
    # A command that returns nothing has done its work; typer.Exit arrives here as its number.
    return code if isinstance(code, int) else 0

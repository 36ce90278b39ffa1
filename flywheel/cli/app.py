"""The `flywheel` command: what every command has in common.

`flywheel --help` stays fast: no torch, no pandas, not even the graders are imported for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flywheel import __version__
from flywheel.cli.commands import COMMANDS, load_command
from flywheel.cli.terminal.failure import INTERRUPTED, report
from flywheel.cli.terminal.streams import flush_output, open_streams, say
from flywheel.cli.terminal.tables import print_line
from flywheel.deprecated import FlywheelDeprecationWarning

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
    """Print one line on Ctrl-C; Typer would exit with the same code without a message."""
    try:
        yield
    except KeyboardInterrupt:
        say("Stopped.")
        raise typer.Exit(INTERRUPTED) from None


class _Commands(TyperGroup):
    """Imports a command's module only when the command is used."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # A misspelt command is compared with these names.
        self.commands: Any = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command with this name, or None."""
        if (entry := COMMANDS.get(cmd_name)) and entry.deprecated:
            entry.deprecated.warn()
        return load_command(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, entry.help) for name, entry in COMMANDS.items() if not entry.hidden]
            )

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
    # Usage hints mention the first one.
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


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *more: Any
) -> None:
    """Print a warning: our deprecations as one line, others in Python's format."""
    if issubclass(category, FlywheelDeprecationWarning):
        say(f"Warning: {message}")
    else:
        say(warnings.formatwarning(message, category, filename, lineno).rstrip())


def run() -> int:
    """Run the command line. Returns the exit code."""
    open_streams()
    warnings.showwarning = _show_warning
    try:
        code = app(standalone_mode=False)
        flush_output()
    except Exception as error:
        return report(error)
    # A command returns None on success; typer.Exit arrives here as its exit code.
    return code if isinstance(code, int) else 0

"""Error messages and exit codes of the command line.

The exit codes are stable; docs/commands.md lists them.
"""

from __future__ import annotations

import io
import os
import traceback
from typing import Any

import typer

from flywheel.cli.terminal.streams import say
from flywheel.errors import FlywheelError
from flywheel.extras import missing_extra

ERROR = 1
USAGE = 2
# The run lacks some answers, or all verdicts.
INCOMPLETE = 4
BUG = 70
INTERRUPTED = 130
_VARIABLE = "FLYWHEEL_TRACEBACK"
# Typer vendors click and does not export this class.
UsageError: Any = typer.BadParameter.__base__


def is_interrupt(error: BaseException | None) -> bool:
    """Whether this is Ctrl-C, also if DuckDB turned it into a RuntimeError during a query."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def report(error: Exception) -> int:
    """Print the error on standard error. Returns the exit code."""
    if is_interrupt(error):
        say("Stopped.")
        return INTERRUPTED
    if os.environ.get(_VARIABLE):
        say("".join(traceback.format_exception(error)).rstrip("\n"))
    if isinstance(error, UsageError):
        usage: Any = error
        shown = io.StringIO()
        usage.show(file=shown)
        say(shown.getvalue().rstrip("\n"))
        return int(usage.exit_code)
    if (message := _message(error)) is not None:
        say(f"Error: {message}")
        return ERROR
    what = " ".join(f"{type(error).__name__}: {error}".split())
    say(f"Error: {what[:500]}\nThis is a bug in flywheel. {_VARIABLE}=1 shows where it happened.")
    return BUG


def _message(error: Exception) -> str | None:
    """The message for an error that the user can fix; None for a bug in Flywheel."""
    match error:
        case typer.Abort():
            return "standard input was closed while the command waited for input"
        case FlywheelError():
            return str(error)
        case MemoryError():
            return "out of memory"
        case OSError(filename=None) | OSError(strerror=None):
            return str(error.strerror or error)
        case OSError():
            return f"{os.fsdecode(error.filename)}: {error.strerror}"
        case _:
            return missing_extra(error)

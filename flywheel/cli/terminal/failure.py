"""Every way a command can fail: the line that is printed, and the exit code.

The codes are a promise to scripts; docs/commands.md lists them.
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
# The run is finished, but lacks answers, or has no verdict at all.
INCOMPLETE = 4
BUG = 70
INTERRUPTED = 130
_VARIABLE = "FLYWHEEL_TRACEBACK"
# Typer brings this class along and does not export it.
UsageError: Any = typer.BadParameter.__base__


def is_interrupt(error: BaseException | None) -> bool:
    """Whether this is ctrl-C, also where DuckDB made a RuntimeError of it in mid-query."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def report(error: Exception) -> int:
    """Print what went wrong on standard error. Returns the exit code."""
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
    """What the user can do something about; None for a bug of ours."""
    match error:
        case typer.Abort():
            return "standard input ended before the command did"
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

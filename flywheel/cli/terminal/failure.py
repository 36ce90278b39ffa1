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
        return _report_usage(error)
    if isinstance(error, typer.Abort):
        say("Error: standard input ended before the command did")
        return ERROR
    if isinstance(error, FlywheelError):
        say(f"Error: {error}")
        return ERROR
    if missing := missing_extra(error):
        say(f"Error: {missing}")
        return ERROR
    if isinstance(error, MemoryError):
        say("Error: out of memory")
        return ERROR
    if isinstance(error, OSError):
        say(f"Error: {_system_error(error)}")
        return ERROR
    what = " ".join(f"{type(error).__name__}: {error}".split())
    say(f"Error: {what[:500]}\nThis is a bug in flywheel. {_VARIABLE}=1 shows where it happened.")
    return BUG


def _report_usage(error: Any) -> int:
    shown = io.StringIO()
    error.show(file=shown)
    say(shown.getvalue().rstrip("\n"))
    return int(error.exit_code)


def _system_error(error: OSError) -> str:
    if error.filename is None or error.strerror is None:
        return str(error.strerror or error)
    return f"{os.fsdecode(error.filename)}: {error.strerror}"

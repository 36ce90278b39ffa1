"""Standard streams that neither a closed pipe nor another encoding than UTF-8 can break.

A reader that closes the pipe early, as `head` does, changes nothing: the command finishes its work,
the rest is not printed, and the exit code is the command's own. Characters that the stream's
encoding lacks are printed as escapes.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from flywheel.visible import visible


class _Unbroken(io.FileIO):
    """A descriptor that discards what is written after its reader has gone."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # pyright: ignore[reportArgumentType]
        except BrokenPipeError:
            return memoryview(data).nbytes  # pyright: ignore[reportArgumentType]


def open_streams() -> None:
    """Make standard output and error safe to write to, for the whole process.

    A closed descriptor becomes the null device: otherwise the next file that is opened, such as the
    database, takes its number, and what is printed ends up in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = _opened(1, sys.stdout), _opened(2, sys.stderr)


def _opened(number: int, old: TextIO | None) -> TextIO:
    raw = _Unbroken(number, "wb", closefd=False)
    by_line = number == 2 or os.isatty(number)
    encoding = old.encoding if old is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=by_line
    )


def flush_output() -> None:
    """Write out what standard output still holds. Raises OSError, such as that the disk is full."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and would complain in its own words.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
        raise OSError(error.errno, f"standard output: {error.strerror}") from None


def say(text: str) -> None:
    """A line on standard error, for what is not the command's result. Nothing in it is hidden."""
    sys.stderr.write(visible(text) + "\n")

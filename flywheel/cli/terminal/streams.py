"""Standard streams that survive a closed pipe and encodings other than UTF-8.

If a reader such as `head` closes the pipe early, the command still finishes with its own exit code,
and the remaining output is discarded. Characters that the stream's encoding lacks are escaped.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from flywheel.visible import visible


class _Unbroken(io.FileIO):
    """A file descriptor that discards output after its reader has closed the pipe."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # pyright: ignore[reportArgumentType]
        except BrokenPipeError:
            return memoryview(data).nbytes  # pyright: ignore[reportArgumentType]


def open_streams() -> None:
    """Make standard output and error safe to write to, for the whole process.

    A closed descriptor becomes the null device: otherwise the next opened file, such as the
    database, would get its number, and the output would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # `open` returns the lowest free descriptor, which is this one.
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
    """Flush standard output. Raises OSError, for example if the disk is full."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python flushes again at exit, and would print its own error.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
        raise OSError(error.errno, f"standard output: {error.strerror}") from None


def say(text: str) -> None:
    """Print a line on standard error, with invisible characters made visible."""
    sys.stderr.write(visible(text) + "\n")

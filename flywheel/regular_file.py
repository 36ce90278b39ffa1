"""Open a file only if it is a regular one: reading a pipe or a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):
    """A pipe, a device, a socket or a folder stands where a file was wanted."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes. Raises NotRegular, and OSError as `open` does."""
    return os.fdopen(_descriptor(path, os.O_RDONLY), "rb")


def append_regular(path: Path) -> BinaryIO:
    """Open a regular file, or a new one, for adding bytes at its end. Raises as `open_regular`."""
    return os.fdopen(_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


def _descriptor(path: Path, flags: int) -> int:
    # Without O_NONBLOCK this waits for the other end of a pipe.
    quick = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | quick, 0o666)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):  # a pipe that nobody reads; a folder
            raise NotRegular(errno.EINVAL, "not a regular file", str(path)) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotRegular(errno.EINVAL, "not a regular file", str(path))

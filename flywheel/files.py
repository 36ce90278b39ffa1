"""Files: regular files only, atomic writes, and locks.

An atomic write goes to a temporary file in the same folder, which is flushed and renamed: after a
kill or a power cut the file has the old bytes or the new ones. Locks use flock: the kernel drops
them when their process ends; over NFS they may hold within one machine only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


class NotRegular(OSError):
    """A pipe, a device, a socket or a folder was found instead of a regular file."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes. Raises NotRegular, and OSError as `open` does.

    Reading a pipe or a device may never end.
    """
    return os.fdopen(_descriptor(path, os.O_RDONLY), "rb")


def append_regular(path: Path) -> BinaryIO:
    """Open a regular file, or a new one, for appending bytes. Raises as `open_regular`."""
    return os.fdopen(_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Generator[BinaryIO]:
    """Write a file atomically; a failure leaves no file behind.

    A symbolic link of this name is replaced itself, not its target. Without `durable` the file is
    not flushed to the disk: it survives a kill but perhaps not a power cut. Raises OSError.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            yield file
        if durable:
            install(part, path)
        else:
            part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def write_whole(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a text file atomically, as `whole_file` does. Raises OSError."""
    with whole_file(path, durable=durable) as file:
        file.write(text.encode())


@contextmanager
def folder_beside(path: Path) -> Generator[Path]:
    """A temporary folder beside `path`, removed at the end. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(part: Path, path: Path, *, over_folder: bool = False) -> None:
    """Flush a file, or a folder of files, to the disk and rename it to `path`. Raises OSError.

    A file is replaced. A folder that is not empty is replaced only with `over_folder`.
    """
    if part.is_dir():
        for inner in part.iterdir():
            flush(inner)
    flush(part)
    if over_folder:
        shutil.rmtree(path, ignore_errors=True)
    part.replace(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Flush the bytes of a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_file(path: Path, *, shared: bool = False) -> int | None:
    """A descriptor that holds a lock on this file; None when another descriptor holds one.

    An exclusive lock creates the file; a shared one raises FileNotFoundError if it is missing.
    Raises OSError.
    """
    flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    while True:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            # The previous holder may have removed the file after it was opened here.
            if is_at(path, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the file of this name is the one that a descriptor has open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


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

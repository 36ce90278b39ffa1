"""Files: opened only where they are regular, written whole or not at all, locked by one process.

A whole file is written beside its place, flushed to the disk, and renamed: a reader, a kill or a
power cut sees the old bytes or the new ones. Locks are the system's (flock): they die with their
process, and over NFS may hold within one machine only.
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
    """A pipe, a device, a socket or a folder stands where a file was wanted."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes. Raises NotRegular, and OSError as `open` does.

    Reading a pipe or a device may never end.
    """
    return os.fdopen(_descriptor(path, os.O_RDONLY), "rb")


def append_regular(path: Path) -> BinaryIO:
    """Open a regular file, or a new one, for adding bytes at its end. Raises as `open_regular`."""
    return os.fdopen(_descriptor(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Generator[BinaryIO]:
    """A file to write that takes this name at the end, and leaves nothing behind if that fails.

    A link of this name is replaced itself, not the file behind it. Without `durable` nothing is
    flushed to the disk: a kill still sees a whole file, a power cut may not. Raises OSError.
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
    """Write a text file as `whole_file` does. Raises OSError."""
    with whole_file(path, durable=durable) as file:
        file.write(text.encode())


@contextmanager
def folder_beside(path: Path) -> Generator[Path]:
    """A new folder beside `path` to prepare it in; removed at the end. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(part: Path, path: Path, *, over_folder: bool = False) -> None:
    """Flush a file, or a folder of files, to the disk and rename it to `path`. Raises OSError.

    A file is replaced. A folder with something in it is only replaced with `over_folder`.
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
    """Wait until the disk has the bytes of a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_file(path: Path, *, shared: bool = False) -> int | None:
    """A descriptor that locks the file of this name, None when another one holds it.

    An exclusive lock creates the file; a shared one raises FileNotFoundError where there is none.
    Raises OSError.
    """
    flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    while True:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            # The former holder may have removed the file between our opening and our locking it.
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

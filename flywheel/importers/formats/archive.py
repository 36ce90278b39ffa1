"""Reads the members of a zip one by one, with limits on their unpacked size.

inspect_ai compresses with Zstandard, which Python before 3.14 cannot unpack, so pyarrow does. Only
Zstandard and Deflate are accepted: Python unpacks a whole bzip2 block at once, and 4 kB may expand
to gigabytes. A member may unpack to 256 MB, all together to 200 times the file's size (or 1 GB),
whatever the zip's directory says; more is treated as a zip bomb.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flywheel.errors import BadFile
from flywheel.store.rows.arrow import pyarrow

_MOST_OF_ONE = 256 << 20
_MOST_AT_LEAST = 1 << 30
_MOST_RATIO = 200
_ZSTANDARD = 93
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, _ZSTANDARD)
_HEADER = 30
_ENCRYPTED = 1


@dataclass
class Archive:
    """An open zip. `left` is the number of bytes that may still be unpacked."""

    path: Path
    left: int
    _zip: zipfile.ZipFile
    _file: IO[bytes] = field(repr=False)

    def names(self) -> list[str]:
        """The distinct names of the members; of two with the same name the last one counts."""
        return list(self._zip.NameToInfo)

    def read(self, name: str) -> bytes:
        """The bytes of a member. Raises BadFile if it is damaged, too large or missing."""
        info = self._zip.NameToInfo.get(name)
        if info is None:
            raise BadFile(f"{self.path}: has no member {name}")
        if info.flag_bits & _ENCRYPTED:
            raise BadFile(f"{self.path}: {name} is encrypted")
        if info.compress_type not in _METHODS:
            raise BadFile(
                f"{self.path}: {name}: compression method {info.compress_type}; wanted Zstandard or"
                " Deflate, as inspect_ai writes"
            )
        most = min(_MOST_OF_ONE, self.left)
        try:
            if info.compress_type == _ZSTANDARD:
                data = self._unpack(info, most)
            else:
                with self._zip.open(info) as member:
                    data = member.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
            raise BadFile(f"{self.path}: {name}: damaged: {error}") from None
        if len(data) > most:
            raise BadFile(
                f"{self.path}: {name}: unpacks to more than {most >> 20} MB; logs of that size are"
                " refused"
            )
        self.left -= len(data)
        return data

    def _unpack(self, info: zipfile.ZipInfo, most: int) -> bytes:
        self._file.seek(info.header_offset)
        header = self._file.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(b"PK\x03\x04"):
            raise zipfile.BadZipFile("no header at the position in the directory")
        lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        self._file.seek(sum(lengths), 1)
        packed = pyarrow().BufferReader(self._file.read(info.compress_size))
        data = b""
        if info.compress_size:
            with pyarrow().CompressedInputStream(packed, "zstd") as stream:
                data = bytes(stream.read(most + 1))
        if len(data) <= most and zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("wrong checksum")
        return data


@contextmanager
def open_archive(path: Path) -> Generator[Archive]:
    """Open a zip for reading. Raises BadFile if it is not a zip."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            zipped = stack.enter_context(zipfile.ZipFile(file))
            size = path.stat().st_size
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise BadFile(f"{path}: not a log of inspect_ai: {error}") from None
        except OSError as error:
            raise BadFile(f"{path}: cannot be read: {error.strerror or error}") from None
        yield Archive(path, max(_MOST_AT_LEAST, _MOST_RATIO * size), zipped, file)

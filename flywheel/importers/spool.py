"""A spool: texts that are kept on disk until they are written, so that a million answers fit."""

from __future__ import annotations

import tempfile
from typing import Self

_IN_MEMORY = 32 << 20


class Spool:
    """Texts by number. The first 32 MB stay in memory, the rest goes to a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  closed by close
        self._end = 0

    def add(self, data: bytes) -> int:
        """Keep a text, as UTF-8; gives the number to `get` it by."""
        number = self._end
        self._file.seek(number)
        self._file.write(len(data).to_bytes(8, "little") + data)
        self._end += 8 + len(data)
        return number

    def get(self, number: int) -> str | None:
        """The text of this number, None for -1."""
        if number < 0:
            return None
        self._file.seek(number)
        length = int.from_bytes(self._file.read(8), "little")
        return self._file.read(length).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Let go of the file. The texts are gone."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

"""A spool: keeps texts on disk until they are written to the store, to save memory."""

from __future__ import annotations

import tempfile
from typing import Self

_IN_MEMORY = 32 << 20


class Spool:
    """Texts by number. Up to 32 MB stay in memory; beyond that a temporary file is used."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  closed by close
        self._end = 0

    def add(self, data: bytes) -> int:
        """Add a text in UTF-8. Returns its number for `get`."""
        number = self._end
        self._file.seek(number)
        self._file.write(len(data).to_bytes(8, "little") + data)
        self._end += 8 + len(data)
        return number

    def get(self, number: int) -> str | None:
        """The text with this number, None for -1."""
        if number < 0:
            return None
        self._file.seek(number)
        length = int.from_bytes(self._file.read(8), "little")
        return self._file.read(length).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Delete the texts."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

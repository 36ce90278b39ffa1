"""Frames: a length of four bytes, then that many bytes, usually of JSON.

Both ends use this. A reader takes bytes from any `read(size)` function, so that the host can put a
deadline on its socket and a confined child, which has no socket calls, can use `os.read`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, cast

_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16


class HungUp(Exception):
    """The other end is gone."""


class BadFrame(Exception):
    """The other end sent something that no honest end sends."""


def pack(payload: bytes) -> bytes:
    """A frame around `payload`."""
    return _LENGTH.pack(len(payload)) + payload


def pack_json(message: object) -> bytes:
    """A frame around `message` as JSON."""
    return pack(json.dumps(message).encode())


class Frames:
    """Reads frames of at most `limit` bytes; a longer one is refused before it is read."""

    def __init__(self, read: Callable[[int], bytes], limit: int) -> None:
        self._read = read
        self._limit = limit
        self._buffer = bytearray()

    def next(self) -> bytes:
        """The next frame's payload. Raises HungUp at the end, BadFrame for one too long."""
        self._fill(_LENGTH.size)
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > self._limit:
            raise BadFrame(f"a frame of {length} bytes, and {self._limit} is the limit")
        end = _LENGTH.size + length
        self._fill(end)
        payload = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return payload

    def next_json(self) -> dict[str, Any]:
        """The next frame, which must be a JSON object of finite numbers."""
        payload = self.next()
        try:
            message: object = _DECODER.decode(payload.decode())
        except (ValueError, RecursionError) as error:
            raise BadFrame(f"a frame that is not JSON: {error}") from None
        if not isinstance(message, dict):
            raise BadFrame(f"a frame that holds {type(message).__name__}, not an object")
        return cast(dict[str, Any], message)

    @property
    def waiting(self) -> bool:
        """Whether bytes beyond the last frame have come already."""
        return bool(self._buffer)

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            chunk = self._read(_CHUNK)
            if not chunk:
                raise HungUp
            self._buffer += chunk


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


# Made once: `json.loads` would make one for every frame.
_DECODER = json.JSONDecoder(parse_constant=_refuse)

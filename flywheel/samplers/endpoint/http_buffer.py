"""Reads one HTTP/1 answer off a growing buffer, without any I/O.

Bodies end by Content-Length, by their last chunk, or by the end of the connection. Trailers are
skipped, and so are the 1xx answers before the real one.
"""

from __future__ import annotations

from contextlib import suppress

_MOST_HEAD = 65_536
_MOST_BODY = 67_108_864
_EMPTY = frozenset({204, 304})


class Broken(Exception):
    """There is no whole answer: no connection, or one that ended or spoke no HTTP."""


class AnswerReader:
    """One answer: feed it the buffer until `read` is true. Raises Broken for what is no HTTP/1."""

    def __init__(self, *, bodiless: bool = False) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.keep = False
        self.until_close = False
        self._bodiless = bodiless
        self._chunked = False
        self._length = 0
        self._chunks = bytearray()

    def read(self, buffer: bytearray) -> bool:
        """Whether the answer is whole; what was read is gone from the buffer."""
        while not self.status:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > _MOST_HEAD:
                    raise Broken("the answer's headers have no end")
                return False
            self._read_head(bytes(buffer[:end]))
            del buffer[: end + 4]
        if max(self._length, len(buffer) + len(self._chunks)) > _MOST_BODY:
            raise Broken(f"the answer is longer than {_MOST_BODY} bytes")
        if self._chunked:
            return self._read_chunks(buffer)
        if self.until_close or len(buffer) < self._length:
            return False
        self.body = bytes(buffer[: self._length])
        del buffer[: self._length]
        return True

    def finish(self, buffer: bytearray) -> None:
        """Take what came as the body: its end was told by the end of the connection."""
        self.body = bytes(buffer)
        buffer.clear()

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or not code.isdecimal() or len(code) != 3:
            raise Broken(f"the answer is not HTTP/1: it begins {first[:40]!r}")
        if code[0] == "1":
            return
        fields = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        self.status = int(code)
        connection = self.headers.get("connection", "").lower()
        self.keep = "close" not in connection and (
            version != "HTTP/1.0" or "keep-alive" in connection
        )
        self._frame()

    def _frame(self) -> None:
        length = self.headers.get("content-length")
        if self._bodiless or self.status in _EMPTY:
            self._length = 0
        elif "chunked" in self.headers.get("transfer-encoding", "").lower():
            self._chunked = True
        elif length is None:
            self.until_close, self.keep = True, False
        elif not length.isdecimal():
            raise Broken(f"the answer's Content-Length is {length[:40]!r}")
        else:
            self._length = int(length)

    def _read_chunks(self, buffer: bytearray) -> bool:
        while (end := buffer.find(b"\r\n")) >= 0:
            size = -1
            with suppress(ValueError):
                size = int(bytes(buffer[:end]).partition(b";")[0], 16)
            if size < 0:
                raise Broken("the answer's chunks have no sizes")
            if size == 0:
                return self._read_trailer(buffer, end)
            if len(buffer) < end + 4 + size:
                return False
            self._chunks += buffer[end + 2 : end + 2 + size]
            del buffer[: end + 4 + size]
        return False

    def _read_trailer(self, buffer: bytearray, end: int) -> bool:
        stop = buffer.find(b"\r\n\r\n", end)
        if stop < 0:
            return False
        del buffer[: stop + 4]
        self.body = bytes(self._chunks)
        return True

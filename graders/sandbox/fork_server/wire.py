"""The child's end of its line to the host: file descriptor 3, read and written with plain calls."""

from __future__ import annotations

import json
import os
from typing import Any

from graders.sandbox.frames import Frames, HungUp, pack, pack_json

# Kept free by the fork server, so that nothing of its own sits at these numbers.
LINE, OUTPUT = 3, 4

# The host is trusted with what it sends, and the memory limit holds anyway.
_NO_LIMIT = 1 << 32


class Wire:
    """Sends and receives frames on `LINE`."""

    def __init__(self) -> None:
        self._frames = Frames(lambda size: os.read(LINE, size), _NO_LIMIT)

    def receive(self) -> dict[str, Any] | None:
        """The host's next message, or None when it has hung up."""
        try:
            return json.loads(self._frames.next())
        except HungUp:
            return None

    def send(self, message: object) -> None:
        """Send `message` as JSON."""
        self._write(pack_json(message))

    def send_bytes(self, payload: bytes) -> None:
        """Send a frame that is not JSON."""
        self._write(pack(payload))

    def _write(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            rest = rest[os.write(LINE, rest) :]

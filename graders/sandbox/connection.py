"""The host's end of the line to one forked child, with a deadline on every frame.

Closing it is how the host stops a child: the fork server sees the hang-up and kills. A hostile
child may send anything at any pace; the deadline covers the whole frame, not each read.
"""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Self

from graders.sandbox.frames import BadFrame, Frames, HungUp, pack_json


class ServerDied(Exception):
    """The fork server is gone, and its children with it. Says nothing about their work."""


class Exited(Exception):
    """The child ended by itself, before its work was done."""

    def __init__(self, label: str, detail: str) -> None:
        super().__init__(detail)
        self.label = label
        self.detail = detail


class Connection:
    """A line to one child. `receive` raises TimeoutError, Exited, BadFrame or ServerDied."""

    def __init__(self, line: socket.socket, frame_bytes: int, on_close: Callable[[], None]) -> None:
        line.setblocking(False)
        self._line = line
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(line, select.POLLIN)
        self._writable.register(line, select.POLLOUT)
        self._on_close = on_close
        self._frames = Frames(self._read, frame_bytes)
        self._deadline = 0.0

    def set_deadline(self, seconds: float) -> None:
        """From now on, `seconds` for all that is sent and received until the next call."""
        self._deadline = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """What remains until the deadline, at least 0."""
        return max(0.0, self._deadline - time.monotonic())

    def send(self, *messages: object) -> None:
        """Send messages; a child that is gone is noticed by the `receive` that follows."""
        rest = memoryview(b"".join(map(pack_json, messages)))
        while rest:
            try:
                rest = rest[self._line.send(rest) :]
            except BlockingIOError:
                self._await(self._writable)
            except OSError:
                return

    def receive(self) -> dict[str, Any]:
        """The child's next message."""
        try:
            message = self._frames.next_json()
        except HungUp:
            raise ServerDied("the fork server ended") from None
        if "exit" in message or "signal" in message:
            raise _exited(message)
        return message

    def start(self, work: object) -> None:
        """Send the first message and wait for the child to be confined.

        No code has run until then, so a failure is the server's: ServerDied.
        """
        try:
            self.send(work)
            message = self.receive()
        except (TimeoutError, Exited, BadFrame) as error:
            raise ServerDied(f"a child did not start: {error!r}") from None
        if "started" not in message:
            raise ServerDied(f"a child did not start: {message}")

    def receive_bytes(self) -> bytes:
        """The child's next frame as it is."""
        try:
            return self._frames.next()
        except HungUp:
            raise ServerDied("the fork server ended") from None

    @property
    def quiet(self) -> bool:
        """Whether the child has said no more than it was asked for, as far as has been read."""
        return not self._frames.waiting

    def close(self) -> None:
        """Hang up; the child is killed."""
        self._line.close()
        self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self, size: int) -> bytes:
        self._await(self._readable)
        try:
            return self._line.recv(size)
        except ConnectionError:
            return b""

    def _await(self, ready: select.poll) -> None:
        # No time left is the end even when bytes are there: a child could dribble for ever.
        left = self.seconds_left()
        if left == 0 or not ready.poll(1000 * left):
            raise TimeoutError


def _exited(message: dict[str, Any]) -> Exited:
    number = message.get("signal")
    if not isinstance(number, int):
        return Exited(
            "exited", f"the process left with status {message.get('exit')!r} and no verdict"
        )
    if number == signal.SIGXCPU:
        return Exited("timeout", "out of processor time")
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    why = ", perhaps for want of memory" if number == signal.SIGKILL else ""
    return Exited("killed", f"killed by {name}{why}")

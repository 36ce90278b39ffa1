"""The process of a `python:` sampler: starts it, sends it calls, and kills it with its children.

Threads send the calls, read the answers and resolve their futures, and watch the process: when it
ends, all pending futures raise Ended.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

_WORKER = Path(__file__).with_name("worker.py")
_LONGEST = 1 << 30


class Ended(Exception):
    """The process ended before it answered."""


class PythonProcess:
    """One process with a user's function. It ends when nobody holds this object any more."""

    def __init__(self, path: Path, digest: str, function: str) -> None:
        """Start it. The file, of this sha256, is loaded when `loaded` says so."""
        ours, theirs = socket.socketpair()
        # Without -P the modules beside the worker hide installed ones, such as `schema`.
        worker = [sys.executable, "-P", str(_WORKER)]
        command = [*worker, str(path), digest, function, str(theirs.fileno())]
        with theirs:
            # In a session of its own: what it starts ends with it.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._link = _Link(ours, process)
        self._end = weakref.finalize(self, _kill, process)
        for work in (self._link.watch, self._link.listen, self._link.write):
            threading.Thread(target=work, name="python sampler", daemon=True).start()

    def loaded(self) -> Future[dict[str, Any]]:
        """How the file was loaded: `ready`, or `failed`. The future may raise Ended."""
        return self._link.loaded()

    @property
    def is_async(self) -> bool:
        """Whether the function is to be asked many times at once; known when it is loaded."""
        return self._link.is_async

    @property
    def lives(self) -> bool:
        """Whether it can take calls."""
        return self._link.open

    @property
    def answered(self) -> int:
        """The number of calls that it has answered."""
        return self._link.answered

    def ask(self, call: Sequence[Any]) -> Future[dict[str, Any]]:
        """What it answers to this call: `message`, or `error`. The future may raise Ended."""
        return self._link.ask(call)

    def kill(self) -> None:
        """Kill it and its children."""
        self._link.open = False
        self._end()


class _Link:
    """The socket to a process. It holds nobody who asks, so that its thread keeps nobody alive."""

    def __init__(self, link: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._link, self._process = link, process
        self._lines = link.makefile("rb")
        self._to_write: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._last = self.answered = 0
        self._loaded: Future[dict[str, Any]] = Future()
        self.is_async = False
        self.open = True

    def loaded(self) -> Future[dict[str, Any]]:
        # One future per caller: cancelling it stops the wait.
        future: Future[dict[str, Any]] = Future()
        self._loaded.add_done_callback(
            lambda done: _settle(future, cast("Any", done.exception() or done.result()))
        )
        return future

    def ask(self, call: Sequence[Any]) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        with self._lock:
            self._last += 1
            if self.open:
                line = json.dumps({"id": self._last, "call": call}).encode() + b"\n"
                self._waiting[self._last] = future
                self._to_write.put(line)
            else:
                future.set_exception(Ended(self.how_it_ended()))
        return future

    def write(self) -> None:
        """Send what is asked. In a thread of its own: a function that blocks reads nothing."""
        while (line := self._to_write.get()) is not None:
            with suppress(OSError):  # `listen` hears of it too
                self._link.sendall(line)

    def watch(self) -> None:
        """End the connection with the process: what it forked may hold the other side open."""
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def listen(self) -> None:
        """Resolve the future of each answer, until the process ends."""
        if (said := self.read()) is not None:
            self.is_async = said.get("ready") == "async"
            self._loaded.set_result(said)
        while (said := self.read()) is not None:
            # A process that forked inside the function answers twice.
            if future := self._waiting.pop(said["id"], None):
                self.answered += 1
                _settle(future, said)
        # One that closed the socket may live on.
        _kill(self._process)
        ended = Ended(self.how_it_ended())
        with self._lock:
            self.open = False
            left = list(self._waiting.values())
            self._waiting.clear()
        self.close()
        for future in left:
            _settle(future, ended)
        if not self._loaded.done():
            self._loaded.set_exception(ended)

    def read(self) -> dict[str, Any] | None:
        """The next line of the process; None when there is none."""
        try:
            line = self._lines.readline(_LONGEST)
            return json.loads(line) if line else None
        except (OSError, ValueError, RecursionError):
            return None

    def close(self) -> None:
        """Close the socket."""
        self._to_write.put(None)
        self._lines.close()
        self._link.close()

    def how_it_ended(self) -> str:
        """In words."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "its process does not answer"
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"


def _settle(future: Future[dict[str, Any]], with_what: dict[str, Any] | Ended) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(with_what, Ended):
        future.set_exception(with_what)
    else:
        future.set_result(with_what)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started; what has ended by itself says how it did."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.05)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

"""The fork server: imports what graders use once, then forks a confined child for each request.

It never reads a payload. A request is a few numbers and one end of a socket pair; source, samples
and verdicts pass between the host and the child alone, so a child's memory holds nobody else's.
The server keeps a duplicate of the child's end: when the host hangs up it kills the child, and
when the child ends by itself it writes a last frame that says how.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from graders.sandbox.confinement import kernel
from graders.sandbox.confinement.confine import Filters, confine_child, confine_server, limit_server
from graders.sandbox.confinement.thread_limit import ThreadFilters, ThreadLimit
from graders.sandbox.fork_server import grading, imports, program
from graders.sandbox.fork_server.wire import LINE, OUTPUT, Wire
from graders.sandbox.frames import pack_json
from graders.sandbox.limits import ForkRequest
from graders.sandbox.reuse.harmless import attributes_of_others


class Forked(NamedTuple):
    """What a new child starts from."""

    line: int
    request: ForkRequest
    handover: socket.socket | None


def main(control_fd: int) -> None:
    """Read the configuration from standard input, get ready, serve until the host is gone."""
    with open(0, "rb", closefd=False) as given:
        config = json.load(given)
    control = _clear_descriptors(control_fd)
    try:
        filters = _prepare(config)
    except Exception as error:
        control.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        return
    server = os.getpid()
    control.send(b"{}")
    forked = ForkServer(control, filters is not None).serve()
    if forked is not None:
        _be_child(forked, filters, server)


def _be_child(forked: Forked, filters: Filters | None, server: int) -> None:
    try:
        os.dup2(forked.line, LINE)
        wire = Wire()
        staged = program.stage(wire) if forked.request.program else None
        first_closed = OUTPUT + 1 if staged else OUTPUT
        confine_child(forked.request, filters, server, first_closed, forked.handover)
        wire.send({"started": True})
        if staged:
            program.run(staged, wire, forked.request.output_bytes)
        else:
            grading.grade_samples(wire)
    except BaseException:
        os._exit(70)
    os._exit(0)


class ForkServer:
    """The loop. `serve` returns a `Forked` in each child, and None in the server at its end."""

    def __init__(self, control: socket.socket, confines: bool) -> None:
        self._control = control
        self._pids: dict[int, int] = {}  # by the duplicate of the child's line
        self._lines: dict[int, int] = {}  # by the child's pid
        self._poll = select.poll()
        self._wake, write_end = os.pipe()
        for end in (self._wake, write_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write_end)
        # The signal's number in the wake-up pipe is the message.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._poll.register(self._wake, select.POLLIN)
        self._poll.register(control, select.POLLIN)
        self._threads = ThreadLimit(self._poll) if confines else None

    def serve(self) -> Forked | None:
        """Fork on request and bury the dead until the control socket closes."""
        while True:
            ready = {fd for fd, _ in self._poll.poll()}
            # Hang-ups first: a line's number may be used again once a child is buried.
            for line in ready & self._pids.keys():
                os.kill(self._pids[line], signal.SIGKILL)
                self._poll.unregister(line)
            if self._threads is not None:
                self._threads.attend(ready)
            if self._wake in ready:
                self._bury()
            if self._control.fileno() in ready:
                packed, lines, _, _ = socket.recv_fds(self._control, 64, 1)
                if not packed:
                    for pid in self._lines:
                        os.kill(pid, signal.SIGKILL)
                    return None
                forked = self._fork(ForkRequest.unpack(packed), lines[0])
                if forked is not None:
                    return forked

    def _fork(self, request: ForkRequest, line: int) -> Forked | None:
        try:
            counted = self._threads is not None and request.threads
            ours, theirs = socket.socketpair() if counted else (None, None)
            pid = os.fork()
        except OSError as error:
            self._last_frame(line, {"unforked": str(error)})
            return None
        if pid == 0:
            return Forked(line, request, theirs)
        if self._threads is not None and ours is not None and theirs is not None:
            theirs.close()
            self._threads.expect(pid, ours)
        self._pids[line], self._lines[pid] = pid, line
        self._poll.register(line, 0)  # hang-ups only
        return None

    def _bury(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake, 4096):
                pass
        while self._lines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if self._threads is not None:
                self._threads.forget(pid)
            line = self._lines.pop(pid)
            del self._pids[line]
            with contextlib.suppress(KeyError):
                self._poll.unregister(line)
            self._last_frame(line, _how_it_ended(status))

    def _last_frame(self, line: int, message: dict[str, object]) -> None:
        os.set_blocking(line, False)  # a child may have left the socket full
        with contextlib.suppress(OSError):
            os.write(line, pack_json(message))
        os.close(line)


def _how_it_ended(status: int) -> dict[str, object]:
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status)}
    return {"exit": os.WEXITSTATUS(status)}


def _prepare(config: dict[str, Any]) -> Filters | None:
    sys.path[:] = config["path"]
    imports.grant(config["packages"])
    for name in [name for name in sys.modules if name.split(".")[0] == "graders"]:
        del sys.modules[name]
    _preload(config["preload"], config["warm_up"])
    # What programs under test register runs at their end, and nothing of the imports'.
    atexit._clear()  # pyright: ignore[reportPrivateUsage]  # there is no other way
    limit_server()
    filters = None
    if config["filter"] is not None:
        laid_out = [
            kernel.SeccompFilter(bytes.fromhex(program))
            for program in (config["filter"], *config["threads"])
        ]
        filters = Filters(laid_out[0], ThreadFilters(*laid_out[1:]))
        confine_server(config["grants"])
    # Children share these pages for as long as no garbage collection writes to them.
    gc.collect()
    gc.freeze()
    return filters


def _preload(names: Sequence[str], warm_up: Sequence[tuple[str, str, list[str]]]) -> None:
    for name in names:
        # A package that is broken or absent is the grader's error when it imports it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for name, function, arguments in warm_up:
        for argument in arguments:
            with contextlib.suppress(Exception):
                getattr(sys.modules[name], function)(argument)
    attributes_of_others()


def _clear_descriptors(control_fd: int) -> socket.socket:
    """Put /dev/null on the standard three and on the two numbers that a child will use."""
    kept = fcntl.fcntl(control_fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(control_fd)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2, LINE, OUTPUT):
        os.dup2(null, number)
    if null > OUTPUT:
        os.close(null)
    return socket.socket(fileno=kept)

"""How many threads a child may start: the kernel asks the fork server, which counts.

No resource limit will do: RLIMIT_NPROC counts all processes of a user and not at all for root, and
a seccomp filter cannot count. So the child first installs a small filter that passes each `clone`
to a listener, hands the listener over on a socket, and then gives up all other system calls. Where
the kernel has no listeners, or a filter around this process has one already, the child may start no
thread at all. Nor may one whose source has no word for threads, since that saves the handing over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
from typing import NamedTuple

from graders.sandbox.confinement import kernel
from graders.sandbox.limits import MOST_THREADS

_MOST_REFUSALS = 1000  # then it is no accident, and each one takes the fork server's time


class ThreadFilters(NamedTuple):
    """The two small filters: one that asks about `clone`, one that refuses it."""

    asks: kernel.SeccompFilter
    refuses: kernel.SeccompFilter


def hand_over_threads(filters: ThreadFilters, server: socket.socket) -> None:
    """In the child: from now on `clone` is decided by the server, or by nobody."""
    with server:
        try:
            listener = filters.asks.install_listener()
        except OSError:
            filters.refuses.install()
            return
        try:
            socket.send_fds(server, [b"."], [listener])
        finally:
            os.close(listener)


class _Child:
    def __init__(self, pid: int, handover: socket.socket) -> None:
        self.pid = pid
        self.handover: socket.socket | None = handover
        self.listener: int | None = None
        self.started = self.refused = 0


class ThreadLimit:
    """The server's side. Its descriptors are in the server's own poll."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self._children: dict[int, _Child] = {}  # by pid
        self._watched: dict[int, _Child] = {}  # by the descriptor that is polled

    def expect(self, pid: int, handover: socket.socket) -> None:
        """A new child will send its listener on this socket."""
        child = self._children[pid] = _Child(pid, handover)
        self._watch(handover.fileno(), child)

    def attend(self, ready: set[int]) -> None:
        """Receive listeners, and decide about threads."""
        for number in ready & self._watched.keys():
            child = self._watched[number]
            if child.handover is not None:
                self._receive(child)
            else:
                self._decide(number, child)

    def forget(self, pid: int) -> None:
        """A child is gone."""
        child = self._children.pop(pid, None)
        if child is None:
            return
        if child.handover is not None:
            self._unwatch(child.handover.fileno())
            child.handover.close()
        if child.listener is not None:
            self._unwatch(child.listener)
            os.close(child.listener)

    def _receive(self, child: _Child) -> None:
        assert child.handover is not None
        self._unwatch(child.handover.fileno())
        with child.handover as handover:
            child.handover = None
            listeners: list[int] = []
            with contextlib.suppress(OSError):
                _, listeners, _, _ = socket.recv_fds(handover, 1, 1)
        if listeners:
            child.listener = listeners[0]
            self._watch(child.listener, child)

    def _decide(self, listener: int, child: _Child) -> None:
        asked = kernel.next_question(listener)
        if asked is None:
            return  # the thread that asked is gone
        allowed = child.started < MOST_THREADS
        child.started += allowed
        child.refused += not allowed
        kernel.decide(listener, asked, 0 if allowed else errno.EAGAIN)
        if child.refused > _MOST_REFUSALS:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)

    def _watch(self, number: int, child: _Child) -> None:
        self._watched[number] = child
        self._poll.register(number, select.POLLIN)

    def _unwatch(self, number: int) -> None:
        if self._watched.pop(number, None) is not None:
            self._poll.unregister(number)

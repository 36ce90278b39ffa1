"""The fork servers of a sandbox: one for each set of preloaded modules, restarted when it dies.

The few used last are kept. All are started from one thread that lives as long as the sandbox,
since bubblewrap's `--die-with-parent` means the thread that started it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

from graders.sandbox.confinement.tier import NoSandbox, Tier
from graders.sandbox.connection import ServerDied
from graders.sandbox.server import Server

Preload = tuple[str, ...]

_KEPT = 4


class Servers:
    """Hands out running servers. Safe to use from several threads."""

    def __init__(self, tier: Tier, system_calls: bytes | None) -> None:
        self._tier = tier
        self._system_calls = system_calls
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")
        self._lock = threading.Lock()
        self._running: OrderedDict[Preload, Future[Server]] = OrderedDict()
        self._closed = False

    def get(self, preload: Preload) -> Server:
        """A running server with these modules. Raises NoSandbox, or ServerDied once closed."""
        with self._lock:
            if self._closed:
                raise ServerDied("the sandbox is closed")
            if preload not in self._running:
                starting = self._starter.submit(Server, self._tier, preload, self._system_calls)
                self._running[preload] = starting
                self._retire()
            self._running.move_to_end(preload)
            future = self._running[preload]
        try:
            return future.result()
        except NoSandbox:
            with self._lock:
                if self._running.get(preload) is future:
                    del self._running[preload]
            raise

    def replace(self, preload: Preload, dead: Server) -> None:
        """Forget a server that died, so that the next `get` starts another."""
        with self._lock:
            future = self._running.get(preload)
            if (
                future is None
                or not future.done()
                or future.exception()
                or future.result() is not dead
            ):
                return  # somebody else has replaced it
            del self._running[preload]
        dead.close()

    def close(self) -> None:
        """Stop all servers and with them whatever they still run."""
        with self._lock:
            self._closed = True
            futures = list(self._running.values())
            self._running.clear()
        for future in futures:
            with contextlib.suppress(NoSandbox):
                future.result().close()
        self._starter.shutdown()

    def _retire(self) -> None:
        """Stop the servers used least lately, as far as they are idle."""
        for preload, future in list(self._running.items()):
            if len(self._running) <= _KEPT:
                return
            if future.done() and future.exception() is None and not future.result().busy:
                del self._running[preload]
                self._starter.submit(future.result().close)

"""Coroutines awaited from synchronous code, also where an event loop runs already.

In a notebook's cell one does, and a second cannot run in its thread: it gets a thread of its own,
and the cell waits for it. An interrupt cancels what is awaited, there as everywhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


def result_of(work: Coroutine[Any, Any, T]) -> T:
    """Do the work, and give its result or raise what it raises."""
    with Loop() as loop:
        return loop.run(work)


class Loop:
    """One event loop for several coroutines, one after the other. A context manager."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="work")
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is None:
            self._runner.close()
            return
        loop = self._runner.get_loop()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, and give its result or raise what it raises."""
        if self._thread is None:
            return self._runner.run(work)
        return asyncio.run_coroutine_threadsafe(work, self._runner.get_loop()).result()

    def _serve(self, ready: threading.Event) -> None:
        # To close the runner is to cancel what an interrupt has left.
        with self._runner:
            loop = self._runner.get_loop()
            ready.set()
            loop.run_forever()

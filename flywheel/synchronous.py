"""Run coroutines from synchronous code, also where an event loop is already running.

A notebook cell runs in an event loop, and one thread cannot run two. So the coroutine runs in
another thread while the cell waits. An interrupt cancels it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

_TICK_SECONDS = 0.1


def result_of(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine, and return its result or raise its error."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with Background() as background:
        return background.start(work).wait()


class Work(Generic[T]):
    """A coroutine that runs in a background loop."""

    def __init__(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        self._ended: Future[T] = Future()
        loop.call_soon_threadsafe(self._begin, work)

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended; waits for at most this long."""
        return bool(wait([self._ended], seconds).done)

    def result(self) -> T:
        """Its result, once it has ended. Raises its error, or CancelledError."""
        return self._ended.result()

    def cancel(self, seconds: float | None = None) -> None:
        """Cancel it, and wait for at most this long until it has ended."""
        self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())
        wait([self._ended], seconds)

    def wait(self, tick: Callable[[], object] = lambda: None) -> T:
        """Its result, or its error; `tick` is called repeatedly until it has ended.

        An interrupt cancels it. A second interrupt returns without waiting for its end.
        """
        try:
            while not self.ended(_TICK_SECONDS):
                tick()
            tick()
        except KeyboardInterrupt:
            self.cancel()
            raise
        return self.result()

    def _begin(self, work: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._ended.set_exception(asyncio.CancelledError())
        elif error := task.exception():
            self._ended.set_exception(error)
        else:
            self._ended.set_result(task.result())


class Background:
    """An event loop in its own thread; any thread can start work in it. A context manager."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        ready = threading.Event()
        # Work that cannot be cancelled must not keep the process from ending.
        self._thread = threading.Thread(
            target=self._serve, args=(ready,), name="background", daemon=True
        )
        self._thread.start()
        ready.wait()

    def start(self, work: Coroutine[Any, Any, T]) -> Work[T]:
        """Start a coroutine, concurrently with those started before."""
        return Work(work, self._runner.get_loop())

    def close(self, seconds: float | None = None) -> None:
        """Cancel what is still running, and wait for at most this long until it has ended."""
        if self._thread.is_alive():
            loop = self._runner.get_loop()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _serve(self, ready: threading.Event) -> None:
        # Closing the runner cancels what is still running.
        with self._runner:
            loop = self._runner.get_loop()
            ready.set()
            loop.run_forever()

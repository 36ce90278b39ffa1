"""How many requests an endpoint takes at once, found out while asking.

It begins with a few in flight and doubles while all is well (one more for each answer), until the
limit or the first trouble: a 429, a 503 or a timeout. Trouble halves the number, once for all the
requests that were in flight together; after it the number grows by one for each round of answers.
A pause that one answer asked for (Retry-After) holds for everybody.
"""

from __future__ import annotations

import asyncio
from collections import deque

FIRST = 16


class Throttle:
    """Lets requests through, as many at once as the endpoint bears, at most `most`.

    Belongs to one event loop. Who waits is let in in order; `front` is for those that were in
    before and come again. Every `enter` that returns must be followed by one `leave`.
    """

    def __init__(self, most: int) -> None:
        self._most = float(max(1, most))
        self._limit = min(float(FIRST), self._most)
        self._doubling = True
        self._flying = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = 0.0
        self._cut_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return int(self._limit)

    async def enter(self, *, front: bool = False) -> None:
        """Wait for a place."""
        loop = asyncio.get_running_loop()
        if not self._waiting and self._open(loop.time()):
            self._flying += 1
            return
        turn: asyncio.Future[None] = loop.create_future()
        (self._waiting.appendleft if front else self._waiting.append)(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def leave(self, *, trouble: bool, since: float) -> None:
        """Give the place back: whether there was trouble, and when the request was sent."""
        now = asyncio.get_running_loop().time()
        if not trouble:
            if self._flying >= self.limit:
                step = 1.0 if self._doubling else 1.0 / self._limit
                self._limit = min(self._most, self._limit + step)
        elif since >= self._cut_at:
            self._limit = max(1.0, self._limit / 2)
            self._doubling, self._cut_at = False, now
        self.release()

    def release(self) -> None:
        """Give the place back with nothing learned, as after a cancellation."""
        self._flying -= 1
        self._admit()

    def pause(self, seconds: float) -> None:
        """Let nobody in for so long."""
        until = asyncio.get_running_loop().time() + seconds
        self._closed_until = max(self._closed_until, until)

    def _open(self, now: float) -> bool:
        return self._flying < self.limit and now >= self._closed_until

    def _admit(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and self._open(now):
            turn = self._waiting.popleft()
            if not turn.done():
                self._flying += 1
                turn.set_result(None)
        if self._waiting and now < self._closed_until and self._timer is None:
            self._timer = loop.call_at(self._closed_until, self._reopen)

    def _reopen(self) -> None:
        self._timer = None
        self._admit()

"""retry and concurrency: the small rules behind an endpoint."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from flywheel.samplers.endpoint.concurrency import Throttle
from flywheel.samplers.endpoint.http import Answer
from flywheel.samplers.endpoint.retry import backoff, fault_of, retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-7"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 2020 00:01:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_the_servers_own_word_on_retrying_counts() -> None:
    for status, word, again in ((400, "true", True), (503, "false", False), (503, "?", True)):
        fault = fault_of(Answer(status, {"x-should-retry": word}, b"", 0.0))
        assert fault is not None
        assert fault.again is again
    assert fault_of(Answer(201, {}, b"", 0.0)) is None


def test_backoff_has_full_jitter_under_a_doubling_ceiling() -> None:
    for attempts, ceiling in ((1, 1.0), (2, 2.0), (5, 16.0), (50, 30.0)):
        waits = [backoff(attempts, 1.0) for _ in range(500)]
        assert 0 <= min(waits) < ceiling * 0.1
        assert ceiling * 0.9 < max(waits) <= ceiling


def test_the_throttle_doubles_until_trouble_then_halves_once() -> None:
    async def run() -> list[int]:
        throttle, seen = Throttle(64), list[int]()

        async def ask(*, trouble: bool) -> None:
            await throttle.enter()
            since = asyncio.get_running_loop().time()
            await asyncio.sleep(0.005)
            throttle.leave(trouble=trouble, since=since)

        async def wave(count: int, *, trouble: bool) -> None:
            await asyncio.gather(*(ask(trouble=trouble) for _ in range(count)))
            seen.append(throttle.limit)

        await wave(16, trouble=False)
        await wave(300, trouble=False)
        # 64 in flight together: one cut for all of them.
        await wave(64, trouble=True)
        await wave(100, trouble=False)
        return seen

    few, most, cut, later = asyncio.run(run())
    assert 16 < few <= 32
    assert (most, cut) == (64, 32)
    # After the first trouble it grows by one a round.
    assert 32 < later <= 36


def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    async def run() -> None:
        throttle = Throttle(1)
        await throttle.enter()
        first = asyncio.create_task(throttle.enter())
        second = asyncio.create_task(throttle.enter())
        await asyncio.sleep(0)
        throttle.release()
        # The first has its turn, and is cancelled before it hears of it.
        first.cancel()
        await asyncio.wait_for(second, 1)
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(run())


def test_a_pause_holds_and_then_lets_in() -> None:
    async def run() -> float:
        throttle = Throttle(4)
        loop = asyncio.get_running_loop()
        throttle.pause(0.1)
        started = loop.time()
        await asyncio.gather(*(throttle.enter() for _ in range(4)))
        return loop.time() - started

    assert 0.09 < asyncio.run(run()) < 1

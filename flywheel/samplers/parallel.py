"""Requests answered at the same time, a limited number of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from flywheel.samplers.sampler import Output, Request


async def in_parallel(
    requests: Sequence[Request], answer: Callable[[Request], Awaitable[Output]], most: int
) -> AsyncGenerator[tuple[int, Output]]:
    """Answer every request, at most `most` at once, as they finish. Closing it ends all work."""
    todo = iter(enumerate(requests))
    done: asyncio.Queue[tuple[int, Output] | Exception] = asyncio.Queue()

    async def work() -> None:
        try:
            for index, request in todo:
                done.put_nowait((index, await answer(request)))
        except Exception as error:  # raised where the outputs are read, or the reader would wait on
            done.put_nowait(error)

    workers = [asyncio.create_task(work()) for _ in range(min(most, len(requests)))]
    try:
        for _ in requests:
            answered = await done.get()
            if isinstance(answered, Exception):
                raise answered
            yield answered
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

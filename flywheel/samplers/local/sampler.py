# pyright: standard
"""local: a transformers model on this machine as a sampler, and as a model that streams.

The model is loaded at the first call, in a thread of its own or, with `own_process`, in a process
of its own, where all the work is done: the event loop stays free. Calls share the batch that runs:
what one asks joins what another asked before. Answers come as their rows end. A model that cannot
be loaded raises BadOption; whatever is wrong with one request is its output's error.

`seconds` run from the start of the request's batch to its own end. There is no price. `usage`
counts the tokens of the prompt as the template wrote it, and of the answer without its last mark.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from flywheel.samplers.delta import Delta
from flywheel.samplers.local.load import Loaded, LocalOptions, check_packages
from flywheel.samplers.local.serving.job import Job, Worker
from flywheel.samplers.local.serving.model import LocalModel
from flywheel.samplers.local.serving.process import ModelProcess
from flywheel.samplers.sampler import Output, Request


class LocalSampler:
    """One model in memory. `loaded` hands in a model that is in memory already.

    Raises MissingExtra, before anything is loaded, when a package is not installed.
    """

    def __init__(self, options: LocalOptions, loaded: Loaded | None = None) -> None:
        if loaded is None:
            check_packages(options)
        self._worker: Worker = (
            ModelProcess(options) if options.own_process else LocalModel(options, loaded)
        )

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """Answer every request once, as the rows end. Closing the iterator ends the work."""
        if requests:
            async for found in self._do(list(requests)):
                yield found

    async def submit(self, request: Request, adapter: str | None = None) -> AsyncGenerator[Delta]:
        """The answers to one request, piece by piece. See `StreamingModel`."""
        async for _, delta in self._do([request], stream=True, adapter=adapter):
            yield delta

    async def _do(self, requests: list[Request], **how: Any) -> AsyncGenerator[tuple[int, Any]]:
        """What a job gives, until it has ended; closing the iterator cancels it."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[tuple[int, Any] | None] = asyncio.Queue()
        ended: asyncio.Future[None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)
            arrived.put_nowait(None)

        job = Job(
            requests,
            lambda index, found: loop.call_soon_threadsafe(arrived.put_nowait, (index, found)),
            lambda error: loop.call_soon_threadsafe(end, error),
            **how,
        )
        self._worker.start(job)
        try:
            while (found := await arrived.get()) is not None:
                yield found
            await ended
        finally:
            self._worker.cancel(job)
            await asyncio.wait([ended])
            ended.exception()

    def close(self) -> None:
        """Let the model go, and a GPU's memory. It is loaded again when the sampler is asked."""
        self._worker.close()

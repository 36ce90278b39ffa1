# pyright: standard
"""local: a transformers model on this machine as a sampler.

The model is loaded at the first call, in a thread of its own, where all the work is done: the event
loop stays free, and calls are served one after another. Answers come as their rows end. A model
that cannot be loaded raises BadOption; whatever is wrong with one request is its output's error.

`seconds` run from the start of the request's batch to its own end. There is no price. `usage`
counts the tokens of the prompt as the template wrote it, and of the answer without its last mark.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from flywheel.samplers.local.batch import run_batches
from flywheel.samplers.local.chat import tool_calls
from flywheel.samplers.local.decode import Row, decode
from flywheel.samplers.local.load import Loaded, LocalOptions, check_packages, load, room
from flywheel.samplers.local.paged import decode_paged, fits_paged
from flywheel.samplers.local.rows import NoRow, RowMaker
from flywheel.samplers.local.score import score
from flywheel.samplers.sampler import Loss, Output, Request
from flywheel.samplers.structured import checked
from graders.ungraded import Usage

Emit = Callable[[int, Output], None]


class LocalSampler:
    """One model in memory. `loaded` hands in a model that is in memory already.

    Raises MissingExtra, before anything is loaded, when a package is not installed.
    """

    def __init__(self, options: LocalOptions, loaded: Loaded | None = None) -> None:
        if loaded is None:
            check_packages(options)
        self._options = options
        self._loaded = loaded
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """Answer every request once, as the rows end. Closing the iterator ends the work."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[tuple[int, Output] | None] = asyncio.Queue()
        stop = threading.Event()

        def emit(index: int, output: Output) -> None:
            loop.call_soon_threadsafe(arrived.put_nowait, (index, output))

        work = loop.run_in_executor(self._thread, self._run, list(requests), emit, stop.is_set)
        work.add_done_callback(lambda _: arrived.put_nowait(None))
        try:
            while (found := await arrived.get()) is not None:
                yield found
            await work
        finally:
            stop.set()
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()

    def close(self) -> None:
        """Let the model go, and a GPU's memory. It is loaded again when the sampler is asked."""
        self._thread.shutdown()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        was_on_gpu = self._loaded is not None and self._loaded.model.device.type == "cuda"
        self._loaded = None
        if was_on_gpu:
            import torch

            torch.cuda.empty_cache()

    def _run(self, requests: list[Request], emit: Emit, stopped: Callable[[], bool]) -> None:
        import torch

        if stopped() or not requests:
            return
        if self._loaded is None:
            self._loaded = load(self._options)
        with torch.inference_mode():
            _Work(self._options, self._loaded, requests, emit, stopped).run()


class _Work:
    """One call of `sample`, in the model's thread."""

    def __init__(
        self,
        options: LocalOptions,
        loaded: Loaded,
        requests: Sequence[Request],
        emit: Emit,
        stopped: Callable[[], bool],
    ) -> None:
        self._options = options
        self._loaded = loaded
        self._requests = requests
        self._emit = emit
        self._stopped = stopped
        # A model with a memory of another kind runs row by row.
        tokens = options.batch_tokens or (room(loaded.model) if loaded.droppable else 1)
        self._limits = (options.rows if loaded.droppable else 1, tokens)
        self._losses: dict[int, list[Loss]] = {}

    def run(self) -> None:
        maker = RowMaker(self._loaded, self._options.max_completion_tokens)
        rows: list[Row] = []
        for index, made in enumerate(maker.make(self._requests)):
            if isinstance(made, NoRow):
                self._emit(index, Output(model=self._options.name, error=str(made)))
            else:
                rows.append(made)
        self._batches([row for row in rows if row.texts], self._score)
        writing = [row for row in rows if row.longest and not row.done]
        for row in writing:
            row.texts = []
        left = self._paged(writing)
        self._batches(left, lambda batch: decode(self._loaded, batch, self._done, self._stopped))

    def _batches(self, rows: Sequence[Row], work: Callable[[list[Row]], None]) -> None:
        run_batches(rows, self._limits, work, self._fail, self._stopped)

    def _paged(self, rows: Sequence[Row]) -> list[Row]:
        """What is left to our own loop after the paged cache has served what it can."""
        wanted = self._options.paged
        if wanted is None:
            wanted = self._loaded.model.device.type == "cuda"
        fitting = [row for row in rows if wanted and fits_paged(self._loaded, row)]
        if fitting:
            try:
                decode_paged(self._loaded, fitting, self._done, self._stopped)
            except Exception as error:
                if self._options.paged:
                    raise
                # Not every model and every GPU has it: what it did not do is done without it.
                logging.getLogger(__name__).warning("no paged decoding here: %r", error)
        return [row for row in rows if not row.done]

    def _score(self, batch: list[Row]) -> None:
        for row in batch:
            row.begin()
        losses = score(self._loaded, [row.ids for row in batch], [row.texts for row in batch])
        for row, found in zip(batch, losses, strict=True):
            self._losses[row.index] = found
            if row.longest == 0:
                row.done = True
                self._done(row)

    def _done(self, row: Row) -> None:
        request = self._requests[row.index]
        output = Output(
            model=self._options.name,
            usage=Usage(len(row.ids), len(row.made)),
            truncated=row.truncated,
            seconds=time.monotonic() - row.began,
        )
        losses = self._losses.get(row.index, [])
        if request.reference is not None:
            output = output._replace(reference_loss=losses.pop())
        if request.options:
            best = min(range(len(losses)), key=lambda i: losses[i].nats)
            output = output._replace(
                text=request.options[best],
                option_nats=tuple(loss.nats for loss in losses),
                option_tokens=tuple(loss.tokens for loss in losses),
            )
        elif row.longest:
            output = self._with_text(output, row, request)
        self._emit(row.index, output)

    def _with_text(self, output: Output, row: Row, request: Request) -> Output:
        text = row.text
        if text is None:
            text = self._loaded.tokenizer.decode(row.made, skip_special_tokens=True)
        calls = tool_calls(text) if request.tools else ()
        ended = "length" if row.truncated else "tool_calls" if calls else "stop"
        output = output._replace(text=text, tools=calls, finish_reason=ended)
        return output if calls else checked(output, request.schema)

    def _fail(self, row: Row, story: str) -> None:
        row.done = True
        self._emit(row.index, Output(model=self._options.name, error=story))

# pyright: standard
"""The worker in this process: a model in memory, and the thread that runs it in batches.

Jobs that arrive while a batch runs join it
between two steps, and a job that is cancelled leaves before the next one. All work is done in one
thread, which loads the model when the first job comes and rests when there is none.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from flywheel.errors import BadOption
from flywheel.samplers.local.batch import Batches
from flywheel.samplers.local.chat import tool_calls
from flywheel.samplers.local.decode import Admit, Row, decode
from flywheel.samplers.local.load import Loaded, LocalOptions, load, room
from flywheel.samplers.local.paged import decode_paged, fits_paged
from flywheel.samplers.local.rows import NoRow, RowMaker
from flywheel.samplers.local.scoring.score import score
from flywheel.samplers.local.serving.adapters import Adapters
from flywheel.samplers.local.serving.job import Job
from flywheel.samplers.local.serving.stream import Pieces, how_many, unstreamed
from flywheel.samplers.sampler import Output, Request
from flywheel.samplers.structured import checked
from graders.ungraded import Usage


class LocalModel:
    """A model of this machine. `loaded` hands in one that is in memory already."""

    def __init__(self, options: LocalOptions, loaded: Loaded | None = None) -> None:
        self.options = options
        self._loaded = loaded
        self._maker: RowMaker | None = None
        self._adapters: Adapters | None = None
        self._inbox: deque[Job] = deque()
        self._jobs: list[Job] = []
        self._lock = threading.Lock()
        self._is_serving = False
        self._thread = _thread()

    def start(self, job: Job) -> None:
        """Begin a job. From any thread."""
        with self._lock:
            self._inbox.append(job)
            if not self._is_serving:
                self._is_serving = True
                self._thread.submit(self._serve)

    def cancel(self, job: Job) -> None:
        """Take a job out of the work before the next step."""
        job.cancelled = True
        for row in job.rows:
            row.cancelled = True

    def close(self) -> None:
        """Cancel all jobs, and let the model go with a GPU's memory. It is loaded when asked."""
        with self._lock:
            for job in (*self._jobs, *self._inbox):
                self.cancel(job)
        self._thread.shutdown()
        self._thread = _thread()
        was_on_gpu = self._loaded is not None and self._loaded.model.device.type == "cuda"
        self._loaded = self._maker = self._adapters = None
        if was_on_gpu:
            import torch

            torch.cuda.empty_cache()

    @property
    def loaded(self) -> Loaded:
        """The model. Only for what runs in its thread."""
        assert self._loaded is not None, "a job loads it"
        return self._loaded

    def _serve(self) -> None:
        import torch

        while jobs := self._arrived(rests=True):
            error: BaseException | None = None
            try:
                with torch.inference_mode():
                    self._run(jobs)
            except BaseException as raised:
                error = raised
            self._end_jobs(error)

    def _arrived(self, *, rests: bool = False) -> list[Job]:
        """The jobs that came since; `rests` tells that without one nobody looks again."""
        with self._lock:
            jobs = list(self._inbox)
            self._inbox.clear()
            self._jobs += jobs
            self._is_serving = bool(jobs) or not rests
            return jobs

    def _run(self, jobs: Sequence[Job]) -> None:
        if all(job.cancelled for job in jobs):
            return
        if self._loaded is None:
            self._loaded = load(self.options)
        if self._maker is None or self._adapters is None:
            self._maker = RowMaker(self._loaded, self.options.max_completion_tokens)
            self._adapters = Adapters(self._loaded, self.options.name)
        self._batches(self._decode, self._arrivals).run(self._paged(self._rows(jobs)))

    def _batches(
        self,
        work: Callable[[list[Row], Admit], None],
        arrivals: Callable[[], Sequence[Row]] = tuple,
    ) -> Batches:
        # A model with a memory of another kind runs row by row.
        droppable = self.loaded.droppable
        tokens = self.options.batch_tokens or (room(self.loaded.model) if droppable else 1)
        limits = (self.options.rows if droppable else 1, tokens)
        return Batches(limits, work, self._fail, arrivals)

    def _arrivals(self) -> list[Row]:
        """The rows that came since, ready to be decoded. Jobs that are through are told so."""
        if any(job.cancelled or not job.left for job in self._jobs):
            self._end_jobs(None, [job for job in self._jobs if job.cancelled or not job.left])
        if not self._inbox:
            return []
        assert self._adapters is not None
        with self._adapters.kept():
            return self._rows(self._arrived())

    def _end_jobs(self, error: BaseException | None, ended: Sequence[Job] | None = None) -> None:
        ended = self._jobs if ended is None else ended
        self._jobs = [job for job in self._jobs if job not in ended]
        for job in ended:
            job.end(error)

    def _rows(self, jobs: Sequence[Job]) -> list[Row]:
        """The rows of these jobs that are to be decoded, once what they score is scored."""
        for job in jobs:
            self._make_rows(job)
        rows = [row for job in jobs for row in job.rows]
        self._batches(self._score).run([row for row in rows if row.texts])
        writing = [row for row in rows if row.longest and not row.done]
        for row in writing:
            row.texts = []
        return writing

    def _make_rows(self, job: Job) -> None:
        assert self._maker is not None
        assert self._adapters is not None
        made: Sequence[Row | NoRow]
        choices, top, adapter, requests = 1, None, None, job.requests
        try:
            if job.stream:
                (request,), (choices, top) = requests, how_many(requests[0].sampling)
                requests = [request._replace(sampling=unstreamed(request.sampling))]
            adapter = self._adapters.load(job.adapter) if job.adapter else None
            made = self._maker.make(requests)
        except (BadOption, ValueError) as error:
            made = [NoRow(str(error))] * len(requests)
        job.left = len(made) * choices
        for index, row in enumerate(made):
            if isinstance(row, NoRow):
                job.left -= choices - 1
                self._fail(Row(index, [], 0, owner=job), str(row))
                continue
            for choice in range(choices):
                pieces = Pieces(self.loaded.tokenizer, partial(job.emit, index))
                one = replace(row, choice=choice, adapter=adapter, top=top, owner=job)
                one.told = pieces if job.stream else None
                job.rows.append(one)
        if job.cancelled:
            self.cancel(job)

    def _decode(self, batch: list[Row], admit: Admit) -> None:
        assert self._adapters is not None
        self._adapters.use(batch[0].adapter)
        decode(self.loaded, batch, self._done, admit)

    def _paged(self, rows: Sequence[Row]) -> list[Row]:
        """What is left to our own loop after the paged cache has served what it can."""
        wanted = self.options.paged
        if wanted is None:
            wanted = self.loaded.model.device.type == "cuda"
        fitting = [row for row in rows if wanted and fits_paged(self.loaded, row)]
        if fitting:
            try:
                decode_paged(self.loaded, fitting, self._done)
            except Exception as error:
                if self.options.paged:
                    raise
                # Not every model and every GPU has it: what it did not do is done without it.
                logging.getLogger(__name__).warning("no paged decoding here: %r", error)
        return [row for row in rows if not row.done]

    def _score(self, batch: list[Row], _admit: Admit) -> None:
        assert self._adapters is not None
        self._adapters.use(batch[0].adapter)
        for row in batch:
            row.begin()
        losses = score(self.loaded, [row.ids for row in batch], [row.texts for row in batch])
        for row, found in zip(batch, losses, strict=True):
            row.losses = found
            if row.longest == 0:
                row.done = True
                self._done(row)

    def _done(self, row: Row) -> None:
        job: Job = row.owner
        request = job.requests[row.index]
        output = Output(
            model=self.options.name,
            usage=Usage(len(row.ids), len(row.made)),
            truncated=row.truncated,
            seconds=time.monotonic() - row.began,
        )
        losses = row.losses
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
        self._emit(row, output)

    def _with_text(self, output: Output, row: Row, request: Request) -> Output:
        text = row.text
        if text is None:
            text = self.loaded.tokenizer.decode(row.made, skip_special_tokens=True)
        calls = tool_calls(text) if request.tools else ()
        ended = "length" if row.truncated else "tool_calls" if calls else "stop"
        output = output._replace(text=text, tools=calls, finish_reason=ended)
        return output if calls else checked(output, request.schema)

    def _fail(self, row: Row, story: str) -> None:
        row.done = True
        self._emit(row, Output(model=self.options.name, error=story))

    def _emit(self, row: Row, output: Output) -> None:
        job: Job = row.owner
        job.left -= 1
        if job.stream:
            (row.told or Pieces(None, partial(job.emit, row.index))).last(row, output)
        else:
            job.emit(row.index, output)


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="local-model")

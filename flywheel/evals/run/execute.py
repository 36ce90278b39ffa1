"""A run: sample the rest of a plan, grade the answers, and store every row.

Several chunks of the plan are in flight, so that a slow answer does not block others. A sample and
its scores are one batch in the store: a pair that has an answer also has its scores, and a run that
was killed at any moment can resume from its rows.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from flywheel.engines.budget import BudgetSpent
from flywheel.engines.engine import Engine
from flywheel.errors import BadOption, GaveUp
from flywheel.evals.grading.grade import Verdict, grade_answered, grade_samples
from flywheel.evals.run.cache import Cache
from flywheel.evals.run.plan import Plan
from flywheel.evals.run.refused import REFUSED, Rows
from flywheel.evals.run.requests import Pair, pairs, request
from flywheel.samplers.failures import reasons, summary
from flywheel.samplers.sampler import Output
from flywheel.store.errors import BadBatch, BadRow
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.definitions import ItemRow
from flywheel.store.tables.samples import SampleRow, finished
from flywheel.store.tables.scores import ScoreRow
from graders.grader import Grade, Grader
from graders.sample import Sample

_CHUNK = 2_000
_CHUNKS_IN_THE_AIR = 3
_BATCH = 250
_BATCH_CHARACTERS = 4_000_000
# Longer work than this on the event loop would delay answers and new requests.
_STEP = 50
# An answer is stored at most this much later, even if the next ones are slow.
_BATCH_SECONDS = 0.5
# This many failures before the first answer mean that the model cannot be reached.
_FAILURES_TO_GIVE_UP = 20
# Characters stored of a judge's reply; a verdict with its steps takes a tenth of this.
_MOST_REPLY = 20_000
# Fields of an output that most answers lack, so that the store keeps them together.
_EXTRA = ("tools", "refusal", "violation", "unchecked", "option_nats")

Advance = Callable[[int], None]
Answered = tuple[Pair, Output, bool]
T = TypeVar("T")


class Where(NamedTuple):
    """The sample that a verdict is about."""

    run: str
    item: str
    position: int
    repeat: int


@dataclass
class Runner:
    """An active run. `run` is its id in the store, which already has its plan.

    `again` is the command that resumes it.
    """

    plan: Plan
    run: str
    store: Store
    engine: Engine
    cache: Cache
    advance: Advance = lambda count: None
    again: str = ""
    _answers: int = 0
    _kept: int = 0
    _taken: int = 0
    _errors: Counter[str] = field(default_factory=Counter[str])
    # Answers for the next batch, their characters, and the time of the last batch.
    _ready: list[Answered] = field(default_factory=list[Answered])
    _size: int = 0
    _recorded: float = field(default_factory=time.monotonic)
    _batches: int = 0
    # Batch ids of one resume must differ from those of another.
    _session: str = field(default_factory=lambda: uuid.uuid4().hex)
    _writes: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _fault: BaseException | None = None
    _spent: BudgetSpent | None = None

    async def finish(self) -> None:
        """Do all that is left. Raises GaveUp if the model never answers, and BudgetSpent."""
        done = finished(self.store, self.run, self.plan.count, self.plan.repeats).tobytes()
        self._kept = sum(done)
        self.advance(self._kept)
        left = pairs(self.plan, done)
        spec = self.engine.spec
        # With a limit in dollars, the cost of a chunk decides how large the next one may be.
        most, chunks = (
            (_CHUNK, _CHUNKS_IN_THE_AIR) if spec.max_cost is None else (spec.in_flight, 1)
        )
        in_the_air: set[asyncio.Task[None]] = set()
        try:
            while chunk := await self._next(left, most):
                in_the_air.add(asyncio.create_task(self._measure(chunk)))
                if len(in_the_air) == chunks:
                    in_the_air = await self._wait(in_the_air, asyncio.FIRST_COMPLETED)
            await self._wait(in_the_air, asyncio.ALL_COMPLETED)
            await asyncio.gather(*self._writes)
            if self._fault:  # a run is not finished before its last batch is written
                raise self._fault
            if self._errors and not self._answers + self._kept:
                raise self._gave_up()
            if self._spent:
                raise self._spent
        finally:
            for task in in_the_air:
                task.cancel()
            await asyncio.gather(*in_the_air, *self._writes, return_exceptions=True)

    async def _next(self, left: Iterator[Pair], most: int) -> list[Pair]:
        """The next chunk of what is left; empty if the budget is spent."""
        if self._spent:
            return []
        try:
            size = self.engine.affordable(self._taken, most)
        except BudgetSpent as spent:
            # Reaching the limit with the last sample is not an error.
            self._spent = spent if next(left, None) else None
            return []
        chunk = await _unhurried(islice(left, size))
        self._taken += len(chunk)
        return chunk

    async def _wait(self, tasks: set[asyncio.Task[None]], until: str) -> set[asyncio.Task[None]]:
        if not tasks:
            return set()
        ended, rest = await asyncio.wait(tasks, return_when=until)
        for task in ended:
            task.result()
        return rest

    async def _measure(self, chunk: Sequence[Pair]) -> None:
        """Sample one chunk, and add its answers to the next batch."""
        known = await self.cache.look_up([pair.key for pair in chunk])
        answered = [(pair, known[pair.key], True) for pair in chunk if pair.key in known]
        self._kept += len(answered)
        await self._keep(answered)
        asked = [pair for pair in chunk if pair.key not in known]
        if asked:
            requests = await _unhurried(request(self.plan, pair) for pair in asked)
            try:
                async for index, output in self.engine.sample(self.plan.model, requests):
                    hopeless = self._is_hopeless(output)
                    await self._keep([(asked[index], output, False)], at_once=hopeless)
                    if hopeless:
                        raise self._gave_up()
            except BudgetSpent as spent:
                # Answers are paid for, so they are stored, here and in the other chunks.
                self._spent = spent
            except BadOption:  # the cost is unknown
                await self._keep([], at_once=True)
                raise
        await self._keep([], at_once=True)

    async def _keep(self, answered: Sequence[Answered], *, at_once: bool = False) -> None:
        """Add answers to the next batch, and store it if it is full, due, or wanted immediately."""
        self._ready += answered
        self._size += sum(len(output.text) for _, output, _ in answered)
        now = time.monotonic()
        is_full = len(self._ready) >= _BATCH or self._size >= _BATCH_CHARACTERS
        if self._ready and (at_once or is_full or now - self._recorded > _BATCH_SECONDS):
            ready, self._ready, self._size, self._recorded = self._ready, [], 0, now
            await self._record(ready)

    def _is_hopeless(self, output: Output) -> bool:
        """Whether enough requests failed before the first answer to give up."""
        if output.error is None:
            self._answers += 1
        elif not self._answers:
            # After the first answer, failures are counted only in the store.
            self._errors[output.error] += 1
        return not self._answers and self._errors.total() >= _FAILURES_TO_GIVE_UP

    def _gave_up(self) -> GaveUp:
        failed = self._errors.total()
        of = self.plan.count * self.plan.repeats
        return GaveUp(
            f"{failed} of {of} requests failed, and none was answered:"
            f" {summary(reasons(self._errors.items()))}. Correct the cause and resume with:"
            f" {self.again}"
        )

    async def _record(self, answered: Sequence[Answered]) -> None:
        """Grade a batch and store it; it counts as done once it is on disk."""
        now = utc_now()
        good = [(pair, output) for pair, output, _ in answered if output.error is None]
        samples = [sample_of(pair.item, output) for pair, output in good]
        scores: list[ScoreRow] = []
        for grader, (_, digest) in zip(self.plan.graders, self.plan.grader_digests, strict=True):
            verdicts = await self._grade(grader, samples)
            scores += await _unhurried(
                score_row(self._where(pair), grader, digest, verdict, now)
                for (pair, _), verdict in zip(good, verdicts, strict=True)
            )
        rows = Rows(
            [self._item_row(pair) for pair, _, _ in answered],
            await _unhurried(sample_row(self.run, *one, now) for one in answered),
            scores,
        )
        try:
            written = await self._append(rows)
        except BadRow as error:
            await self._write_singly(rows, error)
        else:
            write = asyncio.create_task(self._acknowledge(rows, written))
            self._writes.add(write)
            write.add_done_callback(self._written)

    async def _append(self, rows: Rows) -> asyncio.Future[bool]:
        """Queue a batch; the future is done when it is on disk. Raises BadRow."""
        if self._fault:
            raise self._fault
        self._batches += 1
        batch = f"{self.run}/{self._session}/{self._batches}"
        ack = await asyncio.to_thread(self.store.append, batch, rows.tables)
        loop = asyncio.get_running_loop()
        written: asyncio.Future[bool] = loop.create_future()
        ack.on_done(lambda done: loop.call_soon_threadsafe(_settle, written, done))
        return written

    async def _acknowledge(self, rows: Rows, written: asyncio.Future[bool]) -> None:
        try:
            await written
        except BadBatch as error:
            await self._write_singly(rows, error)
        else:
            self.advance(len(rows.samples))

    async def _write_singly(self, rows: Rows, error: Exception) -> None:
        """Write the samples of a refused batch one by one; a bad one becomes a failed sample."""
        singles = rows.singles()
        for one in singles:
            reason = error if len(singles) == 1 else await self._refusal(one)
            if reason:
                await (await self._append(one.refused(reason)))
            self.advance(1)

    async def _refusal(self, rows: Rows) -> Exception | None:
        """Write a batch; returns why the store refuses it, None once it is on disk."""
        try:
            await (await self._append(rows))
        except REFUSED as error:
            return error
        return None

    def _written(self, write: asyncio.Task[None]) -> None:
        self._writes.discard(write)
        if not write.cancelled() and (fault := write.exception()):
            self._fault = fault

    async def _grade(self, grader: Grader, samples: Sequence[Sample]) -> list[Verdict]:
        if grader.is_pure():
            return await _unhurried(grade_answered(grader, sample) for sample in samples)
        return await grade_samples(grader, samples, self.engine)

    def _where(self, pair: Pair) -> Where:
        return Where(self.run, pair.item_digest, pair.position, pair.repeat)

    def _item_row(self, pair: Pair) -> ItemRow:
        return ItemRow(
            digest=pair.item_digest,
            evalset=self.plan.identity["evalset"],
            split=self.plan.split,
            position=pair.position,
            id=str(pair.item.get("id", pair.position)),
            item=pair.text,
        )


async def _unhurried(work: Iterable[T]) -> list[T]:
    """The list of the results of `work`, yielding to the event loop between short steps."""
    made: list[T] = []
    steps = iter(work)
    while step := list(islice(steps, _STEP)):
        made += step
        await asyncio.sleep(0)
    return made


def _settle(written: asyncio.Future[bool], ack: Future[bool]) -> None:
    if written.cancelled():
        return
    if error := ack.exception():
        written.set_exception(error)
    else:
        written.set_result(ack.result())


def sample_of(item: Any, output: Output) -> Sample:
    """The sample that graders get."""
    return Sample(item, output.text, output_tools=output.tools, model=output.model)


def sample_row(run: str, pair: Pair, output: Output, cached: bool, now: datetime) -> SampleRow:
    """The row of an answer."""
    extra = {name: value for name in _EXTRA if (value := getattr(output, name))}
    if output.reference_loss:
        extra["reference_loss"] = output.reference_loss._asdict()
    return SampleRow(
        run=run,
        item=pair.item_digest,
        position=pair.position,
        repeat=pair.repeat,
        key=pair.key,
        output_text=output.text,
        extra=json.dumps(extra, ensure_ascii=False) if extra else None,
        error=output.error,
        truncated=output.truncated,
        prompt_tokens=output.usage.prompt_tokens,
        completion_tokens=output.usage.completion_tokens,
        cached_tokens=output.usage.cached_tokens,
        seconds=output.seconds,
        price=output.price,
        cached=cached,
        created=now,
        model=output.model or None,
        finish_reason=output.finish_reason,
        response=output.response,
    )


def score_row(
    where: Where, grader: Grader, digest: str, verdict: Verdict, now: datetime
) -> ScoreRow:
    """The row of a verdict: a score, or the reason why there is none."""
    run, item, position, repeat = where
    usage, replies = _judged(verdict)
    parts = error_kind = error_label = error_detail = None
    score = passed = parsed = None
    reason = ""
    if isinstance(verdict, Grade):
        score, passed, reason, parsed = verdict[:4]
        parts = json.dumps(verdict.parts) if verdict.parts else None
    else:
        error_kind, error_label, error_detail = verdict.kind.value, verdict.label, verdict.detail
    # Not built with `_replace`, which would cost more than the grade itself.
    return ScoreRow(
        run,
        item,
        position,
        repeat,
        digest,
        grader.name,
        score,
        passed,
        parsed,
        reason,
        error_kind,
        error_label,
        error_detail,
        parts,
        now,
        usage,
        replies,
    )


def _judged(verdict: Verdict) -> tuple[str | None, str | None]:
    """A judge's usage and replies as JSON; None if no judge was asked."""
    if not verdict.replies:
        return None, None
    usage = {model: used._asdict() for model, used in verdict.usage.items()}
    replies = [
        {
            "model": reply.model,
            "text": reply.text[:_MOST_REPLY],
            **({"refusal": reply.refusal[:_MOST_REPLY]} if reply.refusal else {}),
            **({"truncated": True} if reply.truncated else {}),
            **({"cut": True} if len(reply.text) > _MOST_REPLY else {}),
        }
        for reply in verdict.replies
    ]
    return json.dumps(usage), json.dumps(replies)

"""The sandbox: grades with Python code that nobody has to trust, and runs programs under test.

    with Sandbox() as sandbox:
        for index, answer in sandbox.grade(source, [(sample, item), ...]):
            ...

Every answer comes exactly once, as a `Returned` or a `Failed`; a failure is never a score. When a
fork server dies, what it had not finished is graded again elsewhere, three times at most.

Samples share a process only when their source provably leaves nothing behind (`carryover.py`), and
then one of each batch, chosen at random, is graded again in a new process. When the two differ the
source is not trusted any more: the batch and all that follows have a process for each sample.

What it does not protect against: a flaw in the kernel; timing and cache side channels; a grader
that burns its whole allowance of time and memory on each sample; in the tiers below "full", a look
at host names, process ids and whether a file exists. `unsafe=True` protects against mistakes only.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import queue
import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Self

from graders.asks import Failed, Returned
from graders.sandbox.confinement.tier import NoSandbox, Tier, best_tier
from graders.sandbox.connection import ServerDied
from graders.sandbox.conversation import Call, Conversation, failure
from graders.sandbox.limits import Limits
from graders.sandbox.packages import mentioned
from graders.sandbox.ran import Ran, run_program
from graders.sandbox.server import Server, filter_for
from graders.sandbox.servers import Servers
from graders.ungraded import Kind

_TRIES = 3
_BATCH = 128
# A grader slower than this a batch gains nothing from sharing, and its answers should not wait.
_SHARE_SECONDS = 0.5
_REMEMBERED = 256  # sources


class _Job:
    """One call of `grade`: what its workers share."""

    def __init__(self, source: str, calls: Sequence[Call]) -> None:
        self.source = source
        self.digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
        self.calls = calls
        self.preload = mentioned(source)
        self.stopped = threading.Event()
        self.answers: queue.SimpleQueue[tuple[int, Returned | Failed] | Exception] = (
            queue.SimpleQueue()
        )


class Sandbox:
    """Confined Python. Constructing it starts a fork server and tests that it confines."""

    def __init__(
        self,
        tier: Tier | None = None,
        *,
        workers: int | None = None,
        limits: Limits | None = None,
        unsafe: bool = False,
        batch: int = _BATCH,
    ) -> None:
        if tier is Tier.UNSAFE and not unsafe:
            raise NoSandbox("the tier 'unsafe' confines nothing: pass unsafe=True to mean it")
        self.tier = Tier.UNSAFE if unsafe else tier or best_tier()
        self.limits = limits or Limits()
        # One more than cores: of a worker and its child, one always waits for the other.
        self._workers = workers or (os.cpu_count() or 1) + 1
        self._batch = batch
        self._sharing: OrderedDict[bytes, bool] = OrderedDict()  # by the source's digest
        self._learning = threading.Lock()
        self._servers = Servers(self.tier, filter_for(self.tier))
        self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="sandbox")
        try:
            self._servers.get(())
        except BaseException:
            self.close()
            raise

    def grade(self, source: str, calls: Sequence[Call]) -> Iterator[tuple[int, Returned | Failed]]:
        """Call `grade` of `source` on each (sample, item); yield (index, answer) as they come."""
        job = _Job(source, calls)
        size = max(1, min(self._batch, math.ceil(len(calls) / self._workers)))
        for start in range(0, len(calls), size):
            indices = range(start, min(start + size, len(calls)))
            self._threads.submit(self._grade_all, job, indices)
        try:
            for _ in calls:
                answer = job.answers.get()
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        finally:
            job.stopped.set()

    def run_code(self, source: str, stdin: str = "", limits: Limits | None = None) -> Ran:
        """Run model-written code as a program of its own, away from graders and their samples."""
        limits = limits or self.limits
        preload, detail = mentioned(source), ""
        for _ in range(_TRIES):
            try:
                server = self._servers.get(preload)
            except (NoSandbox, ServerDied) as error:
                return Ran("", "sandbox_died", str(error))
            try:
                return run_program(server, source, stdin, limits)
            except ServerDied as error:
                detail = str(error)
                self._servers.replace(preload, server)
        return Ran("", "sandbox_died", detail)

    def server_pid(self) -> int:
        """The process of the fork server for sources that import no package."""
        return self._servers.get(()).pid

    def close(self) -> None:
        """Stop everything. Samples still being graded come back as failures of the sandbox."""
        self._servers.close()
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _grade_all(self, job: _Job, indices: Sequence[int]) -> None:
        todo = deque(indices)
        tries: Counter[int] = Counter()
        try:
            while todo and not job.stopped.is_set():
                try:
                    self._grade_some(job, todo)
                except (ServerDied, NoSandbox) as error:
                    tries[todo[0]] += 1
                    if tries[todo[0]] == _TRIES:
                        failed = failure("sandbox_died", str(error), Kind.PYTHON_SERVER)
                        job.answers.put((todo.popleft(), failed))
        except Exception as error:  # ours, not the grader's: the consumer must hear of it
            job.answers.put(error)

    def _grade_some(self, job: _Job, todo: deque[int]) -> None:
        """Grade some from the front of `todo`; they leave it when their answers are out."""
        server = self._servers.get(job.preload)
        shares = self._shares(job) if min(self._batch, len(todo)) > 1 else False
        batch = [job.calls[index] for index in islice(todo, 1 if shares is False else self._batch)]
        try:
            answers = self._grade_batch(job, server, batch, prove=shares is None)
            if len(answers) > 1 and not self._confirmed(job, server, batch, answers):
                self._learn(job, False)
                answers = answers[:1]  # its process was new
        except ServerDied:
            self._servers.replace(job.preload, server)
            raise
        for answer in answers:
            job.answers.put((todo.popleft(), answer))

    def _grade_batch(
        self, job: _Job, server: Server, batch: Sequence[Call], prove: bool
    ) -> list[Returned | Failed]:
        """The answers to the first calls of the batch, from one process: fewer when it ended."""
        answers: list[Returned | Failed] = []
        enough = time.monotonic() + _SHARE_SECONDS
        talk = Conversation(server, job.source, self.limits, len(batch), self._programs)
        with contextlib.closing(talk):
            if prove and not self._learn(job, self._proves(talk)):
                batch = batch[:1]
            while len(answers) < len(batch) and not (talk.over or job.stopped.is_set()):
                if time.monotonic() > enough:
                    batch = batch[: len(answers) + 1]
                call, *following = batch[len(answers) : len(answers) + 2]
                answer = talk.grade(call, following[0] if following else None)
                if isinstance(answer, Failed) and answers:
                    break  # a neighbour may be to blame: it is the first in the next process
                answers.append(answer)
        return answers

    def _confirmed(
        self,
        job: _Job,
        server: Server,
        batch: Sequence[Call],
        answers: Sequence[Returned | Failed],
    ) -> bool:
        """Whether one answer after the first, chosen at random, comes out the same by itself."""
        chosen = 1 + secrets.randbelow(len(answers) - 1)
        alone = self._grade_batch(job, server, [batch[chosen]], prove=False)
        return not alone or alone == [answers[chosen]]  # nothing came: the caller has left

    def _proves(self, talk: Conversation) -> bool:
        """The first guard."""
        return talk.leaves_nothing()

    def _shares(self, job: _Job) -> bool | None:
        """Whether samples of this source may share a process; None when nobody has looked."""
        with self._learning:
            return self._sharing.get(job.digest)

    def _learn(self, job: _Job, shares: bool) -> bool:
        """Remember and return that; what was once found to differ stays apart."""
        with self._learning:
            self._sharing[job.digest] = shares = shares and self._sharing.get(job.digest, True)
            if len(self._sharing) > _REMEMBERED:
                self._sharing.popitem(last=False)
        return shares

    def _programs(self, source: str, stdin: str, seconds: float) -> Ran:
        return self.run_code(source, stdin, self.limits._replace(seconds=seconds))

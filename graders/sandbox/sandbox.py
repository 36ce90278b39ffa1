"""The sandbox: grades with Python code that nobody has to trust, and runs programs under test.

    with Sandbox() as sandbox:
        for index, answer in sandbox.grade(source, [(sample, item), ...]):
            ...

Every answer comes exactly once, as a `Returned` or a `Failed`; a failure is never a score. When a
fork server dies, what it had not finished is graded again elsewhere, three times at most.

What it does not protect against: a flaw in the kernel; timing and cache side channels; a grader
that burns its whole allowance of time and memory on each sample; in the tiers below "full", a look
at host names, process ids and whether a file exists. `unsafe=True` protects against mistakes only.
"""

from __future__ import annotations

import math
import os
import queue
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from graders.asks import Failed, Returned
from graders.sandbox.carryover import needs_own_fork
from graders.sandbox.connection import ServerDied
from graders.sandbox.conversation import Call, Conversation, failure
from graders.sandbox.limits import Limits
from graders.sandbox.packages import mentioned
from graders.sandbox.ran import Ran, run_program
from graders.sandbox.server import filter_for
from graders.sandbox.servers import Servers
from graders.sandbox.tier import NoSandbox, Tier, best_tier
from graders.ungraded import Kind

_TRIES = 3
_BATCH = 64


class _Job:
    """One call of `grade`: what its workers share."""

    def __init__(self, source: str, calls: Sequence[Call], per_fork: int) -> None:
        self.source = source
        self.calls = calls
        self.per_fork = per_fork
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
        self._servers = Servers(self.tier, filter_for(self.tier))
        self._threads = ThreadPoolExecutor(self._workers, thread_name_prefix="sandbox")
        try:
            self._servers.get(())
        except BaseException:
            self.close()
            raise

    def grade(self, source: str, calls: Sequence[Call]) -> Iterator[tuple[int, Returned | Failed]]:
        """Call `grade` of `source` on each (sample, item); yield (index, answer) as they come."""
        job = _Job(source, calls, 1 if needs_own_fork(source) else self._batch)
        size = max(1, min(_BATCH, math.ceil(len(calls) / self._workers)))
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        """Grade with one child from the front of `todo` until it is over or has had its share."""
        server = self._servers.get(job.preload)
        share = min(job.per_fork, len(todo))
        try:
            talk = Conversation(server, job.source, self.limits, share, self._programs)
        except ServerDied:
            self._servers.replace(job.preload, server)
            raise
        try:
            for left in range(share - 1, -1, -1):
                if job.stopped.is_set() or talk.over:
                    break
                following = job.calls[todo[1]] if left else None
                answer = talk.grade(job.calls[todo[0]], following)
                job.answers.put((todo.popleft(), answer))
        except ServerDied:
            self._servers.replace(job.preload, server)
            raise
        finally:
            talk.close()
        if talk.spoilt:
            job.per_fork = 1

    def _programs(self, source: str, stdin: str, seconds: float) -> Ran:
        return self.run_code(source, stdin, self.limits._replace(seconds=seconds))

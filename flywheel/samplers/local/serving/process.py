# pyright: standard
"""The worker in a process of its own: a model that survives nobody and takes nobody with it.

The process runs `child`, a `LocalModel` behind a socket on which each line is a JSON object. It
ends when the socket closes, so it never outlives this process. When it dies first (killed, out of
memory), what it was asked fails with a message that says so; it is started again once, by the next
job, and then no more until `close`.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from flywheel.errors import BadOption, FlywheelError
from flywheel.samplers.delta import Chance, Delta
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.serving.job import Job
from flywheel.samplers.sampler import Loss, Output
from graders.ungraded import Usage

# -P: what lies in the user's folder must not stand in for a module.
_CHILD = (sys.executable, "-P", "-m", "flywheel.samplers.local.serving.child")
_MOST_STARTS = 2


class WorkerFailed(FlywheelError):
    """The process of a model failed in a way that is no fault of one request."""


class ModelProcess:
    """A model in a process that starts with the first job."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options
        self._lock = threading.RLock()
        self._link: _Link | None = None
        self._starts = 0
        self._ended = ""

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        link = self._link
        return link.process.pid if link is not None and link.is_open else None

    def start(self, job: Job) -> None:
        """Begin a job, in the process that runs or in a new one."""
        with self._lock:
            if self._link is not None and not self._link.is_open:
                self._ended, self._link = self._link.how_it_ended(), None
            if self._link is None:
                if self._starts == _MOST_STARTS:
                    _fail(job, self._options.name, f"{self._ended}; it is not started a third time")
                    return
                self._starts += 1
                self._link = _Link(self._options)
            self._link.start(job)

    def cancel(self, job: Job) -> None:
        """Take a job out of the work before the next step."""
        with self._lock:
            if self._link is not None:
                self._link.cancel(job)

    def close(self) -> None:
        """End the process and its jobs. The next job starts one anew."""
        with self._lock:
            link, self._link, self._starts = self._link, None, 0
        if link is not None:
            link.close()


class _Link:
    """One process and the socket to it."""

    def __init__(self, options: LocalOptions) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # In a session of its own: ctrl-C is for this process, which then cancels its jobs.
            self.process = subprocess.Popen(
                [*_CHILD, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.is_open = True
        self._name = options.name
        self._socket, self._lock = ours, threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._last = 0
        self._send({"options": asdict(options)})
        threading.Thread(target=self._listen, name="model process", daemon=True).start()

    def start(self, job: Job) -> None:
        with self._lock:
            self._last += 1
            self._jobs[self._last] = job
            number = self._last
        job.left = len(job.requests)
        requests = [list(request._replace(item=None)) for request in job.requests]
        self._send(
            {"start": number, "requests": requests, "stream": job.stream, "adapter": job.adapter}
        )
        if not self.is_open:
            self._fail_all()

    def cancel(self, job: Job) -> None:
        with self._lock:
            number = next((number for number, one in self._jobs.items() if one is job), None)
        if number is not None:
            self._send({"cancel": number})

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def how_it_ended(self) -> str:
        """In words."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if code >= 0:
            return f"the model's process ended with code {code}"
        hint = " (the machine may be out of memory)" if code == -signal.SIGKILL else ""
        return f"the model's process was ended by {signal.Signals(-code).name}{hint}"

    def _send(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        with self._lock, suppress(OSError):  # `_listen` hears of it too
            self._socket.sendall(data)

    def _listen(self) -> None:
        with suppress(OSError, ValueError), self._socket.makefile("rb") as lines:
            for line in lines:
                self._take(json.loads(line))
        self.is_open = False
        self._fail_all()
        self._socket.close()

    def _take(self, line: Mapping[str, Any]) -> None:
        job = self._jobs.get(line["job"])
        if job is None:
            return
        if "output" in line:
            job.rows.append(line["index"])
            job.emit(line["index"], _output(line["output"]))
        elif "delta" in line:
            job.emit(0, _delta(line["delta"]))
        else:
            with self._lock:
                del self._jobs[line["job"]]
            told = line["end"]
            failed = BadOption if told and told["kind"] == "BadOption" else WorkerFailed
            job.end(told and failed(told["text"]))

    def _fail_all(self) -> None:
        with self._lock:
            jobs, self._jobs = list(self._jobs.values()), {}
        if jobs:
            story = self.how_it_ended()
            for job in jobs:
                _fail(job, self._name, story)


def _fail(job: Job, name: str, story: str) -> None:
    """Give every request that was not answered an error."""
    if job.stream:
        job.emit(0, Delta(finish="error", error=story))
    else:
        answered = set(job.rows)
        for index in range(len(job.requests)):
            if index not in answered:
                job.emit(index, Output(model=name, error=story))
    job.end(None)


def _output(values: Sequence[Any]) -> Output:
    """An output from its list. The child is our own, and what it says is still checked by shape."""
    output = Output(*values)
    loss = output.reference_loss
    return output._replace(
        usage=Usage(*output.usage),
        tools=tuple(output.tools),
        option_nats=tuple(output.option_nats),
        option_tokens=tuple(output.option_tokens),
        reference_loss=None if loss is None else Loss(*loss),
    )


def _delta(values: Sequence[Any]) -> Delta:
    """A delta from its list."""
    delta = Delta(*values)
    tokens = (
        Chance(text, nats, tuple((one, chance) for one, chance in top))
        for text, nats, top in delta.tokens
    )
    return delta._replace(tokens=tuple(tokens), usage=Usage(*delta.usage))

# pyright: standard
"""The process of a model: `python -m flywheel.samplers.local.serving.child DESCRIPTOR`.

On the socket come a line with the options, and then `start` and `cancel` of jobs; back go their
outputs, deltas and ends. When the socket closes the process ends at once, whatever it computes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

from flywheel.errors import FlywheelError
from flywheel.samplers.delta import Delta
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.serving.job import Job
from flywheel.samplers.local.serving.model import LocalModel
from flywheel.samplers.sampler import Output, Request


class _Parent:
    """The other side of the socket."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lock = threading.Lock()

    def lines(self) -> Any:
        """What it says, a line at a time."""
        return self._socket.makefile("rb")

    def say(self, line: Mapping[str, Any]) -> None:
        """Send a line. Without a parent there is nothing left to do."""
        data = json.dumps(line).encode() + b"\n"
        try:
            with self._lock:
                self._socket.sendall(data)
        except OSError:
            os._exit(1)

    def emit(self, number: int, index: int, found: Output | Delta) -> None:
        """Send what came of a request."""
        kind = "output" if isinstance(found, Output) else "delta"
        self.say({"job": number, "index": index, kind: list(found)})

    def end(self, number: int, error: BaseException | None) -> None:
        """Send that a job has ended."""
        told = None
        if error is not None:
            ours = isinstance(error, FlywheelError)
            text = str(error) if ours else f"{type(error).__name__}: {error}"
            told = {"kind": "BadOption" if ours else "", "text": text}
        self.say({"job": number, "end": told})


def main() -> None:
    """Serve until the socket closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = _Parent(int(sys.argv[1]))
    lines = parent.lines()
    model = LocalModel(LocalOptions(**json.loads(next(lines))["options"]))
    jobs: dict[int, Job] = {}
    for line in lines:
        said = json.loads(line)
        if number := said.get("cancel"):
            if number in jobs:
                model.cancel(jobs[number])
            continue
        number = said["start"]

        def end(error: BaseException | None, number: int = number) -> None:
            jobs.pop(number, None)
            parent.end(number, error)

        def emit(index: int, found: Output | Delta, number: int = number) -> None:
            parent.emit(number, index, found)

        requests = [Request(*values) for values in said["requests"]]
        jobs[number] = Job(requests, emit, end, said["stream"], said["adapter"])
        model.start(jobs[number])
    # Not a quiet end: what is computed now is for nobody.
    os._exit(0)


if __name__ == "__main__":
    main()

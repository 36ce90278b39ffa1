"""python:FILE.py:FUNCTION, a user's function as a model: a chain of prompts, an agent, a pipeline.

The function gets `messages`, or `(messages, item)`, or `(messages, item, request)`, where `request`
holds the model's name, `sampling`, `tools` and `schema`. It returns the answer as text, or as a
message: an object with `content`, and as far as it has them `tool_calls`, `refusal`, `model` and
`usage`. An `async` function is asked many times at once, any other once at a time.

It runs in a process of its own with the rights of the user: whose code it is, is trusted. What it
raises is a failed request. So is a call that takes too long or ends the process, which is then
started again, at most three times in a row without an answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from flywheel.errors import BadOption
from flywheel.samplers.endpoint.wire import DIALECTS, Garbage, read_fields
from flywheel.samplers.parallel import in_parallel
from flywheel.samplers.python.process import Ended, PythonProcess
from flywheel.samplers.sampler import Output, Request
from flywheel.samplers.structured import checked

_MOST_ENDED = 3
_SECONDS = 600.0


class PythonSampler:
    """Asks a function of a user's file. The process starts when it is first asked."""

    def __init__(
        self, path: Path, function: str, in_flight: int = 64, seconds: float = _SECONDS
    ) -> None:
        try:
            self._digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise BadOption(
                f"no file {str(path)!r} ({error.strerror}); wanted python:FILE.py:FUNCTION"
            ) from None
        self._path, self._function = path, function
        self._in_flight, self._seconds = in_flight, seconds
        self._process: PythonProcess | None = None
        self._blamed: PythonProcess | None = None
        self._ended = self._calls = 0

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """Answer every request once, as they finish. Raises BadOption for a file with faults."""
        if not self._calls:
            # What an earlier run could not answer may be mended now.
            self._ended = 0
        self._calls += 1
        try:
            process = await self._loaded()
            most = self._in_flight if process.is_async else 1
            async with aclosing(in_parallel(requests, self._answer, most)) as outputs:
                async for output in outputs:
                    yield output
        finally:
            self._calls -= 1

    def close(self) -> None:
        """End the process. It is started again when the sampler is asked."""
        if self._process is not None:
            self._process.kill()

    async def _loaded(self) -> PythonProcess:
        """The process, started when none runs. Raises BadOption for a file with faults."""
        if self._process is None or not self._process.lives:
            self._process = PythonProcess(self._path, self._digest, self._function)
        process = self._process
        try:
            # Awaited, not a thread's work: an interrupt need not wait for the file.
            how = await asyncio.wait_for(asyncio.wrap_future(process.loaded()), _SECONDS)
            fault = how.get("failed")
        except TimeoutError:
            process.kill()
            fault = f"it takes longer than {_SECONDS:g} s"
        except Ended as ended:
            fault = str(ended)
        if fault is not None:
            raise BadOption(f"python:{self._path}:{self._function} cannot be loaded: {fault}")
        return process

    async def _answer(self, request: Request) -> Output:
        model = f"{self._path.name}:{self._function}"
        if request.options or request.reference is not None:
            return Output(model=model, error="a function cannot score options or references")
        if self._ended >= _MOST_ENDED:
            return Output(
                model=model, error=f"not asked: {self._ended} calls in a row ended the process"
            )
        loop, process = asyncio.get_running_loop(), await self._loaded()
        begun = loop.time()
        more = {
            "model": request.model,
            "sampling": dict(request.sampling),
            "tools": list(request.tools),
            "schema": request.schema,
        }
        try:
            asked = process.ask([list(request.messages), request.item, more])
            said = await asyncio.wait_for(asyncio.wrap_future(asked), self._seconds)
        except (TimeoutError, Ended) as ended:
            if isinstance(ended, TimeoutError):
                process.kill()
            # Of the calls that were under way, one is to blame: the process is counted once.
            self._ended += process is not self._blamed and not process.answered
            self._blamed = process
            return Output(model=model, error=str(ended) or f"no answer in {self._seconds:g} s")
        self._ended = 0
        if "error" in said:
            return Output(model=model, error=said["error"])
        output = _read(said["message"], model)._replace(seconds=loop.time() - begun)
        return output if output.error or output.refusal else checked(output, request.schema)


def _read(message: Mapping[str, Any], model: str) -> Output:
    """A message as an endpoint's answer would be read; what is none is a failed request."""
    choice = {"message": message, "finish_reason": message.get("finish_reason")}
    answer = {"choices": [choice], "model": message.get("model"), "usage": message.get("usage")}
    try:
        output, _ = read_fields(DIALECTS["chat"], answer, lambda: repr(answer))
    except (Garbage, RecursionError) as error:
        return Output(model=model, error=f"the message cannot be read: {error}")
    return output._replace(model=output.model or model)

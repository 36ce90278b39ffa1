"""The process of a `python:` sampler: loads a user's file, and calls its function for each request.

Run as a script with the file, its sha256, the function's name and the number of a socket. Standard
library only: what the user imports is all that this process loads. What the function prints goes
to standard error. Each line on the socket is a JSON object, with the `id` of its request.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import hashlib
import importlib.util
import inspect
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from importlib.abc import SourceLoader
from pathlib import Path
from typing import Any, cast

_PR_SET_PDEATHSIG = 1
_SHOWN = 300


def main() -> None:
    """Answer until the other side is gone."""
    path, digest, name, number = *sys.argv[1:4], int(sys.argv[4])
    # It ends with the process that started it, however that one ends.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(2, 1)
    os.set_inheritable(number, False)
    with socket.socket(fileno=number) as link:
        try:
            function = _load(Path(path), digest, name)
        except BaseException as error:  # whatever a user's file does while it is loaded
            _send(link, {"failed": _story(error, path)})
            return
        takes = _parameters(function)
        is_async = _is_async(function)
        _send(link, {"ready": "async" if is_async else "sync"})

        def call(asked: list[Any]) -> Any:
            return function(*asked[:takes])

        if is_async:
            asyncio.run(_serve_async(link, call, path))
        else:
            _serve(link, call, path)


def _load(path: Path, digest: str, name: str) -> Callable[..., Any]:
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or not isinstance(spec.loader, SourceLoader):
        raise ImportError(f"{path} is no Python file")
    # Read once, and not by way of __pycache__: what runs is what the run is tied to.
    source = path.read_bytes()
    if hashlib.sha256(source).hexdigest() != digest:
        raise ImportError("the file has changed since the run began; start the run anew")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    exec(spec.loader.source_to_code(source, str(path)), vars(module))
    function = getattr(module, name, None)
    if not callable(function):
        names = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        raise LookupError(f"no function {name!r} in it; there are {', '.join(names) or 'none'}")
    return function


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, functools.partial):
        function = cast("functools.partial[Any]", function).func
    called = function if inspect.isroutine(function) else type(function).__call__
    return inspect.iscoroutinefunction(called)


def _parameters(function: Callable[..., Any]) -> int:
    """How many of messages, item and request it takes.

    A parameter with a default and another name is a setting of the function's own.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a C function without a signature
        return 1
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 3
    count = 1
    for parameter, name in zip(parameters[1:], ("item", "request"), strict=False):
        own = parameter.default is not parameter.empty and parameter.name != name
        if own or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            break
        count += 1
    return count


def _serve(link: socket.socket, call: Callable[[list[Any]], Any], path: str) -> None:
    """Answer one call after the other. No event loop runs, so that the function may run its own."""
    with asyncio.Runner() as runner, link.makefile("rb") as lines:
        for line in lines:
            asked = json.loads(line)
            try:
                answer = call(asked["call"])
                if inspect.isawaitable(answer):
                    answer = runner.run(_awaited(answer))
                said = _readable(answer)
            except BaseException as error:  # whatever it raises is a failed request
                said = {"error": _story(error, path)}
            _send(link, {"id": asked["id"], **said})


async def _serve_async(link: socket.socket, call: Callable[[list[Any]], Any], path: str) -> None:
    reader, _ = await asyncio.open_connection(sock=link, limit=1 << 30)
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_answer(link, call, json.loads(line), path))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _answer(
    link: socket.socket, call: Callable[[list[Any]], Any], asked: Any, path: str
) -> None:
    try:
        said = _readable(await call(asked["call"]))
    except BaseException as error:  # also CancelledError: who waits must hear of it
        said = {"error": _story(error, path)}
    _send(link, {"id": asked["id"], **said})


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def _readable(said: Any) -> dict[str, Any]:
    """The answer as JSON. Raises TypeError for what is neither text nor a message."""
    if isinstance(said, str):
        return {"message": {"content": said}}
    if not isinstance(said, dict) or "content" not in said:
        kind = type(cast("object", said)).__name__
        raise TypeError(f"it returned {kind}: {said!r:.80}; wanted text, or a message with content")
    message = cast("dict[str, Any]", said)
    json.dumps(message, allow_nan=False)
    return {"message": message}


def _story(error: BaseException, path: str) -> str:
    """What was raised, and the last line of the user's file on the way there."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if os.path.abspath(f.filename) == os.path.abspath(path)
    ]
    place = f" ({Path(path).name}:{frames[-1].lineno})" if frames else ""
    try:
        said = str(error).strip().splitlines()
    except Exception:  # a class of the user may fail even here
        said = []
    return f"{type(error).__name__}: {said[0] if said else ''}"[:_SHOWN] + place


def _send(link: socket.socket, said: dict[str, Any]) -> None:
    data = json.dumps(said).encode() + b"\n"
    blocking = link.gettimeout()
    link.setblocking(True)
    try:
        link.sendall(data)
    finally:
        link.settimeout(blocking)


if __name__ == "__main__":
    main()

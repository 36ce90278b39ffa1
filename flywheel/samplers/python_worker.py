"""The process of a `python:` sampler: loads a user's file, and calls its function for each request.

Run as a script with the file, the function's name and the number of a socket. Standard library
only: what the user imports is all that this process loads. What the function prints goes to
standard error. Each line on the socket is a JSON object, with the `id` of its request.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import inspect
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

_PR_SET_PDEATHSIG = 1
_SHOWN = 300


def main() -> None:
    """Answer until the other side is gone."""
    path, name, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    # It ends with the process that started it, however that one ends.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(2, 1)
    os.set_inheritable(number, False)
    with socket.socket(fileno=number) as link:
        try:
            function = _load(Path(path), name)
        except BaseException as error:  # whatever a user's file does while it is loaded
            _send(link, {"failed": _story(error, path)})
            return
        takes = _parameters(function)
        called = function if inspect.isroutine(function) else type(function).__call__
        is_async = inspect.iscoroutinefunction(called)
        _send(link, {"ready": "async" if is_async else "sync"})
        asyncio.run(_serve(link, lambda call: function(*call[:takes]), is_async, path))


def _load(path: Path, name: str) -> Callable[..., Any]:
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        names = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        raise LookupError(f"no function {name!r} in it; there are {', '.join(names) or 'none'}")
    return function


def _parameters(function: Callable[..., Any]) -> int:
    """How many of messages, item and request it takes."""
    try:
        inspect.signature(function).bind("messages", "item", "request")
        return 3
    except TypeError:
        pass
    try:
        inspect.signature(function).bind("messages", "item")
        return 2
    except TypeError:
        return 1


async def _serve(
    link: socket.socket, call: Callable[[list[Any]], Any], is_async: bool, path: str
) -> None:
    reader, _ = await asyncio.open_connection(sock=link, limit=1 << 30)
    tasks: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        asked = json.loads(line)
        if is_async:
            task = asyncio.create_task(_answer_async(link, call, asked, path))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        else:
            _answer(link, call, asked, path)


def _answer(link: socket.socket, call: Callable[[list[Any]], Any], asked: Any, path: str) -> None:
    try:
        said = _readable(call(asked["call"]))
    except (Exception, SystemExit) as error:
        said = {"error": _story(error, path)}
    _send(link, {"id": asked["id"], **said})


async def _answer_async(
    link: socket.socket, call: Callable[[list[Any]], Any], asked: Any, path: str
) -> None:
    try:
        said = _readable(await call(asked["call"]))
    except (Exception, SystemExit) as error:
        said = {"error": _story(error, path)}
    _send(link, {"id": asked["id"], **said})


def _readable(said: Any) -> dict[str, Any]:
    """The answer as JSON. Raises TypeError for what is neither text nor a message."""
    if isinstance(said, str):
        return {"message": {"content": said}}
    if not isinstance(said, dict) or "content" not in said:
        kind = type(cast("object", said)).__name__
        raise TypeError(f"it returned {kind}: {said!r:.80}; wanted text, or a message with content")
    message = cast("dict[str, Any]", said)
    json.dumps(message)
    return {"message": message}


def _story(error: BaseException, path: str) -> str:
    """What was raised, and the last line of the user's file on the way there."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if os.path.abspath(f.filename) == os.path.abspath(path)
    ]
    place = f" ({Path(path).name}:{frames[-1].lineno})" if frames else ""
    said = str(error).strip().splitlines()
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

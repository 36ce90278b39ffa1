"""The child's side of `run_code`: a program with its input on descriptor 0 and its output on 1.

Both are files in memory, so programs may use `input`, `sys.stdin.buffer` or `os.write(1, ...)`.
The child holds no sample, no item and no `run_code`. A program that leaves through `os._exit` or
dies loses what it printed. Standard error is thrown away; an uncaught exception is reported.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from types import ModuleType
from typing import NamedTuple

from graders.sandbox.fork_server.failure import account, failed
from graders.sandbox.fork_server.wire import OUTPUT, Wire

_FILE = "<program>"


class Staged(NamedTuple):
    """A program whose input and output are in place."""

    source: str


def stage(wire: Wire) -> Staged:
    """Receive a program and lay out its files, before confinement and without running it."""
    message = wire.receive() or {}
    stdin = _memory_file("stdin")
    # A lone surrogate has no encoding; it reaches the program as the bytes it came from, if any.
    rest = memoryview(str(message["stdin"]).encode("utf-8", "surrogatepass"))
    while rest:
        rest = rest[os.write(stdin, rest) :]
    os.lseek(stdin, 0, os.SEEK_SET)
    os.dup2(stdin, 0)
    output = _memory_file("stdout")
    os.dup2(output, OUTPUT)
    os.dup2(output, 1)
    sys.stdin = sys.__stdin__ = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    return Staged(str(message["source"]))


def run(staged: Staged, wire: Wire, output_bytes: int) -> None:
    """Run the program to its end; send how it ended, then what it printed."""
    verdict = _outcome(staged.source)
    printed = os.pread(OUTPUT, output_bytes, 0)
    if len(printed) >= output_bytes:
        verdict = failed("output", f"printed {output_bytes} bytes or more, which is the limit")
    wire.send({**verdict, "printed": len(printed)})
    wire.send_bytes(printed)


def _outcome(source: str) -> dict[str, object]:
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    verdict: dict[str, object] = {"error": None, "detail": ""}
    try:
        exec(compile(source, _FILE, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        verdict = _stopped(error) or account(error, source, _FILE)
    try:
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]  # there is no other way
        for stream in (sys.stdout, sys.__stdout__):
            if stream is not None:
                stream.flush()
    except BaseException as error:
        if verdict["error"] is None:
            verdict = account(error, source, _FILE)
    return verdict


def _stopped(error: BaseException) -> dict[str, object] | None:
    """How `sys.exit` ended the program, or None for any other exception."""
    if type(error) is not SystemExit:
        return None
    if error.code is None or error.code == 0:
        return {"error": None, "detail": ""}
    return failed("exited", f"exit status {str(error.code)[:200]}")


def _memory_file(name: str) -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())

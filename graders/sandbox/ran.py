"""Ran: how a program under test went, and the host's side of running it."""

from __future__ import annotations

from typing import NamedTuple

from graders.sandbox.connection import Exited, ServerDied
from graders.sandbox.frames import BadFrame
from graders.sandbox.limits import Limits
from graders.sandbox.server import Server


class Ran(NamedTuple):
    """What a program printed. `error` is None when it ended well, else a short name for how not.

    The names: "timeout", "memory", "exception", "syntax", "exited" (a status other than 0, or an
    exit that no `finally` could see), "output" (printed too much), "killed", "bad_frame",
    "sandbox_died". `detail` tells the story, such as the traceback.
    """

    stdout: str
    error: str | None
    detail: str


def run_program(server: Server, source: str, stdin: str, limits: Limits) -> Ran:
    """Run a program in a child of its own. Raises ServerDied when the sandbox itself failed."""
    with server.fork(limits, 1, source, program=True) as child:
        child.start({"source": source, "stdin": stdin})
        child.set_deadline(limits.seconds)
        try:
            outcome = child.receive()
            printed = child.receive_bytes()
        except TimeoutError:
            return Ran("", "timeout", f"still running after {limits.seconds:g} seconds")
        except Exited as end:
            return Ran("", end.label, end.detail)
        except BadFrame as bad:
            return Ran("", "bad_frame", str(bad))
        except ServerDied:
            if server.dead():
                raise
            return Ran("", "exited", "the process ended and left no room to say how")
    if outcome.get("printed") != len(printed):
        return Ran("", "exited", "the process ended while it handed its output over")
    # What the program forges here is its own output, which it could have printed just as well.
    error, detail = outcome.get("error"), str(outcome.get("detail", ""))
    stdout = printed[: limits.output_bytes].decode("utf-8", "replace")
    told = detail.encode("utf-8", "replace").decode()
    return Ran(stdout, None if error is None else str(error)[:40], told)

"""A child's account of an exception: a label and a short traceback, whatever the exception does.

Exceptions come from the code under test, so their `__str__` may raise, loop or return a gigabyte;
time and memory limits bound the last two, and the account is cut to a few thousand characters.
"""

from __future__ import annotations

import linecache
import traceback

from graders.sandbox.limits import MOST_THREADS

_CHARACTERS = 4000
_FRAMES = 8
_NO_THREAD = "RuntimeError: can't start new thread"


def account(error: BaseException, source: str, name: str) -> dict[str, object]:
    """What went wrong, as a message for the host; `name` is the file that `source` ran as."""
    if isinstance(error, MemoryError):
        return failed("memory", "out of memory")
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_globals.get("__name__")):
        trace = trace.tb_next
    error.__traceback__ = trace
    try:
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        story = "".join(traceback.format_exception(error, limit=-_FRAMES)).strip()
    except MemoryError:
        return failed("memory", "out of memory")
    except BaseException:
        story = type(error).__name__
    if story.endswith(_NO_THREAD):
        story += (
            f" (a process in the sandbox may start {MOST_THREADS}, or none when its source has no"
            " word for threads)"
        )
    # Nothing ran: `compile` refused it. A null byte was a ValueError before Python 3.12.
    unread = trace is None and isinstance(error, SyntaxError | ValueError)
    return failed("syntax" if unread else "exception", story)


def failed(label: str, detail: str) -> dict[str, object]:
    """The message for a failure. The end of a long story is kept: it names the error."""
    short = detail if len(detail) <= _CHARACTERS else f"...{detail[-_CHARACTERS:]}"
    return {"error": label, "detail": short}


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.startswith("graders.sandbox.")

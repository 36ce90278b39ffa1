"""The child's side of grading: one sample in, one verdict out, until the host hangs up.

The source is compiled once and executed in a new module for every sample, so that one sample's
globals are gone before the next. A verdict repeats the token of its sample, and the host then
checks that this loop is still here to answer a challenge.

What this cannot do: a grader shares the process with this loop, so its own code decides its own
score, by returning it or by writing frames. That gains nothing, since a grader is written by
whoever asks for the score. Model-written code is another matter and must never run in this
process: a grader hands it to `run_code`, which runs it elsewhere, without the sample, and returns
what it printed.
"""

from __future__ import annotations

import math
import reprlib
import sys
import threading
from collections.abc import Callable
from numbers import Real
from types import CodeType, ModuleType
from typing import Any

from graders.sandbox.fork_server.failure import account, failed
from graders.sandbox.fork_server.wire import Wire
from graders.sandbox.reuse.carryover import leaves_nothing

_NAME = "grader"
_FILE = "<grader>"

RunCode = Callable[[str, str, float], dict[str, Any]]


def grade_samples(wire: Wire) -> None:
    """Grade what the host sends: first the source, then samples and challenges."""
    first = wire.receive()
    if first is None:
        return
    source = str(first["source"])
    if first["prove"]:
        wire.send({"leaves_nothing": leaves_nothing(source)})  # before any of its code runs
    code = _compile(source)
    run_code = _run_code_over(wire)
    while (request := wire.receive()) is not None:
        if "challenge" in request:
            wire.send(request)
            continue
        token, answer = request["token"], code
        if isinstance(code, CodeType):
            answer = _judge(code, source, request, run_code)
        del request  # nothing of this sample may be left when the next one comes
        wire.send({"token": token, "answer": answer})


def _compile(source: str) -> CodeType | dict[str, object]:
    try:
        return compile(source, _FILE, "exec", dont_inherit=True)
    except BaseException as error:
        return account(error, source, _FILE)


def _judge(
    code: CodeType, source: str, request: dict[str, Any], run_code: RunCode
) -> dict[str, object]:
    module = ModuleType(_NAME)
    sys.modules[_NAME] = module  # dataclasses and pydantic look their module up
    module.__dict__["run_code"] = run_code
    try:
        exec(code, module.__dict__)
        grade = module.__dict__.get("grade")
        if not callable(grade):
            return failed("no_grade", "the source defines no function grade(sample, item)")
        return _score(grade, request["sample"], request["item"])
    except BaseException as error:
        return account(error, source, _FILE)
    finally:
        module.__dict__.clear()


def _score(grade: Callable[..., object], sample: object, item: object) -> dict[str, object]:
    try:
        value = grade(sample, item)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # from inside grade; else the call itself did not fit
        return failed("signature", f"grade must take (sample, item): {error}")
    if isinstance(value, bool) or not isinstance(value, Real):
        return failed("type_error", f"grade returned {_show(value)}, wanted a float")
    number = float(value)
    if not math.isfinite(number):
        return failed("not_finite", f"grade returned {number}, wanted a finite float")
    return {"value": number}


def _show(value: object) -> str:
    shown = reprlib.repr(value)  # of a bounded length, and whatever `__repr__` does
    return shown if value is None else f"{type(value).__name__} {shown[:200]}"


def _run_code_over(wire: Wire) -> RunCode:
    one_at_a_time = threading.Lock()

    def run_code(source: str, stdin: str = "", seconds: float = 10) -> dict[str, Any]:
        """Run a program elsewhere; the answer has `stdout`, `error` (or None) and `detail`."""
        call = {"source": source, "stdin": stdin, "seconds": seconds}
        with one_at_a_time:
            wire.send({"run_code": call})
            answer = wire.receive()
        if answer is None:
            raise RuntimeError("the sandbox closed while run_code waited")
        if "refused" in answer:
            raise RuntimeError(str(answer["refused"]))
        return answer

    return run_code

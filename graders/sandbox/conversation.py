"""The host's side of one forked child that grades samples of one source, one after the other.

The next sample is sent only when the verdict on the last one is in, so a child that runs a grader
never holds an answer that is still to be judged. A verdict counts when it repeats the token of its
sample, is a finite number, nothing else has come with it, and the child then answers a challenge.
A frame written by the grader's own hand followed by an exit therefore voids itself. A grader that
imitates the whole protocol is only returning its score the long way round: see `grading.py`.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from typing import Any, cast

from graders.asks import Failed, Returned
from graders.sandbox.connection import Exited, ServerDied
from graders.sandbox.frames import BadFrame
from graders.sandbox.limits import Limits
from graders.sandbox.ran import Ran
from graders.sandbox.server import Server
from graders.ungraded import Kind

_CHALLENGE_SECONDS = 30.0
# What the child may call a failure. Any other word is a frame that it did not write.
_LABELS = ("exception", "memory", "no_grade", "not_finite", "signature", "syntax", "type_error")

Call = tuple[Mapping[str, Any], Mapping[str, Any]]
Programs = Callable[[str, str, float], Ran]


class Conversation:
    """One child. `over` says that it grades no more."""

    def __init__(
        self, server: Server, source: str, limits: Limits, samples: int, programs: Programs
    ) -> None:
        self.over = False
        self._server = server
        self._source = source
        self._limits = limits
        self._programs = programs
        self._started = False
        self._sent: str | None = None  # the token of a sample that went out with a challenge
        self._line = server.fork(limits, samples, source, program=False)

    def leaves_nothing(self) -> bool:
        """Whether the source provably changes nothing for a later sample; ask before grading.

        A child that cannot say so proves nothing, and its end says nothing about a sample.
        """
        self._start(prove=True)
        self._line.set_deadline(self._limits.seconds)
        try:
            proved = self._line.receive().get("leaves_nothing") is True
        except ServerDied:
            if self._server.dead():
                raise
            proved = False
            self.over = True
        except (TimeoutError, Exited, BadFrame):
            proved = False
            self.over = True
        return proved

    def grade(self, call: Call, following: Call | None = None) -> Returned | Failed:
        """The verdict on one (sample, item). Raises ServerDied when the sandbox itself failed.

        `following` is the call that comes next, to be sent in the same breath as the challenge.
        """
        self._start(prove=False)
        try:
            return self._ask(call, following)
        except TimeoutError:
            failed = failure("timeout", f"no verdict after {self._limits.seconds:g} seconds")
        except Exited as end:
            failed = failure(end.label, end.detail)
        except BadFrame as bad:
            failed = failure("bad_frame", str(bad))
        except ServerDied:
            if self._server.dead():
                raise
            failed = failure("exited", "the process ended and left no room to say how")
        self.over = True
        return failed

    def close(self) -> None:
        """Hang up; the child is killed."""
        self._line.close()

    def _start(self, prove: bool) -> None:
        if not self._started:
            self._line.start({"source": self._source, "prove": prove})
            self._started = True

    def _ask(self, call: Call, following: Call | None) -> Returned | Failed:
        self._line.set_deadline(self._limits.seconds)
        token, self._sent = self._sent, None
        if token is None:
            token = secrets.token_hex(8)
            self._line.send(_question(token, call))
        reply, programs = self._line.receive(), 0
        while "run_code" in reply:
            programs += 1
            self._line.send(self._run(reply["run_code"], programs))
            reply = self._line.receive()
        verdict = _verdict(reply, token)
        # A process that ran out of memory once is in no state to judge the next sample.
        over = isinstance(verdict, Failed) and verdict.label == "memory"
        self._challenge(None if over else following)
        self.over = over
        return verdict

    def _challenge(self, following: Call | None) -> None:
        """Hear that the loop is still there. The next sample goes along, to save a round trip.

        The loop answers before it looks at that sample; its code runs after the answer is out.
        """
        if not self._line.quiet:
            self._after_verdict()  # which raises, where the process was killed meanwhile
            raise BadFrame("more than one verdict for one sample")
        question = {"challenge": secrets.token_hex(8)}
        self._line.set_deadline(_CHALLENGE_SECONDS)
        token = secrets.token_hex(8) if following is not None else None
        if following is None or token is None:
            self._line.send(question)
        else:
            self._line.send(question, _question(token, following))
        answer = self._after_verdict()
        # With a sample on its way more may come: its verdict, which has a token of its own.
        if answer != question or (token is None and not self._line.quiet):
            raise BadFrame("more than one verdict for one sample")
        self._sent = token

    def _after_verdict(self) -> dict[str, Any]:
        """The next frame. Raises Exited where the process ended and so made its verdict void."""
        try:
            return self._line.receive()
        except TimeoutError:
            raise BadFrame("the process went silent after its verdict") from None
        except Exited as end:
            raise Exited(end.label, f"after its verdict, which is void: {end.detail}") from None

    def _run(self, call: object, number: int) -> dict[str, Any]:
        """Run the program that the grader asked for, within what is left of its own time."""
        if number > self._limits.programs:
            return {"refused": f"run_code: at most {self._limits.programs} programs a grade"}
        call = cast(dict[str, Any], call) if isinstance(call, dict) else {}
        source, stdin, seconds = call.get("source"), call.get("stdin"), call.get("seconds")
        if not (isinstance(source, str) and isinstance(stdin, str)):
            return {"refused": "run_code: source and stdin must be strings"}
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            return {"refused": f"run_code: seconds must be a positive number, not {seconds!r:.100}"}
        return self._programs(source, stdin, min(seconds, self._line.seconds_left()))._asdict()


def _question(token: str, call: Call) -> dict[str, object]:
    return {"token": token, "sample": call[0], "item": call[1]}


def failure(label: str, detail: str, kind: Kind = Kind.PYTHON_RUNTIME) -> Failed:
    """A failure with its detail made fit for any store: lone surrogates are replaced."""
    return Failed(kind, label, detail.encode("utf-8", "replace").decode())


def _verdict(reply: dict[str, Any], token: str) -> Returned | Failed:
    """The verdict in a reply that only the child's own loop should have written."""
    if reply.keys() != {"token", "answer"} or reply["token"] != token:
        raise BadFrame("a verdict that does not belong to the sample")
    answer = reply["answer"]
    match answer:
        case {"value": bool()}:
            pass
        case {"value": int() | float() as value, **rest} if not rest:
            return _returned(value)
        case {"error": str() as label, "detail": str() as detail} if label in _LABELS:
            return failure(label, detail)
        case _:
            pass
    raise BadFrame("a verdict of a shape that was not asked for")


def _returned(value: float) -> Returned:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadFrame("a verdict that is not a finite number")
    return Returned(number)

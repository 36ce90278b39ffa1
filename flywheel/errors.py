"""Errors: every error that a user can fix is a FlywheelError.

The message says what came, what was wanted and what to do. Commands show it as one line and exit
with 1. Conditions are named for the condition.
"""

from __future__ import annotations

from collections.abc import Sequence

# Names that contain a date share most of their characters.
_NEAR = 0.9


class FlywheelError(Exception):
    """An error that the user can fix; the message says how."""


class BadFile(FlywheelError):
    """A file cannot be read, or does not hold what was wanted. The message begins file:line:col."""


class BadOption(FlywheelError):
    """An option has an invalid value, or options exclude each other."""


class NoEvalset(FlywheelError):
    """No evalset of that name or at that place."""


class NoJudge(FlywheelError):
    """A grader asks a judge, and none was named."""


class WorkerDied(FlywheelError):
    """A worker process ended before its work was done."""


class BadItem(FlywheelError):
    """An item lacks what the prompt, the gold answer or the graders name."""


class ChangedPlan(FlywheelError):
    """A run cannot be resumed: its plan is not the one that it began with."""


class NoRun(FlywheelError):
    """No run of that name in the store."""


class GaveUp(FlywheelError):
    """A run was stopped because the model does not answer."""


class NothingGraded(FlywheelError):
    """No answer of a run has a verdict of the primary grader, so the run is no baseline."""


class NotComparable(FlywheelError):
    """Two runs do not measure the same thing, so their scores cannot be compared."""


class NoBaseline(FlywheelError):
    """Training needs a baseline to beat. The message has the command that measures one."""


class LeakingData(FlywheelError):
    """The training data contains items of the evalset. The message shows the pairs."""


class WeakReward(FlywheelError):
    """A reward can be earned without doing the task. The message has the probes that show it."""


class NoJob(FlywheelError):
    """No job of that name here."""


class WrongMoment(FlywheelError):
    """The job's state does not allow the request: it is running, or it is not."""


class JobFailed(FlywheelError):
    """A job that the caller waited for did not finish."""


def unnamed(
    kind: str, name: str, several: Sequence[str], where: str, known: Sequence[str] = ()
) -> str:
    """The message for a name that matches no run or job, or is the prefix of several.

    Suggests a similar name among the `known` ones.
    """
    if not several:
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1, _NEAR)
        return f"no {kind} {name!r} {where}" + (f"; did you mean {near[0]}?" if near else "")
    return f"{name!r} fits several {kind}s: {', '.join(several[:5])}; write more of the name"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error means out of memory, on GPU or CPU; libraries raise different ones."""
    words = (
        "out of memory",
        "not enough memory",
        "can't allocate memory",
        "cannot allocate",
        "alloc_failed",
    )
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)

"""The common form of all formats: one grader's verdict on one answer, with its run.

A reader yields verdicts in the file's order and raises BadFile at the first error. Nothing is
written until the whole file has been read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flywheel.errors import BadFile, BadOption, FlywheelError
from flywheel.evals.run.run_names import why_not

SPLITS = ("train", "dev", "test")
# The repeat and the item's position share one integer key; the repeat has 20 bits.
MOST_REPEATS = 1 << 20


class RunTaken(FlywheelError):
    """The store already has a run with this name and other content."""


@dataclass(frozen=True, slots=True)
class Source:
    """The run of a verdict, as described by the other harness.

    `complete` means that every grader graded every sample, so that a missing verdict is ungraded.
    `note` is informational; the other fields are part of the run's identity.
    """

    run: str
    evalset: str
    split: str
    model: str
    note: str
    prompt: tuple[Mapping[str, str], ...] = ()
    complete: bool = False


class Answer(NamedTuple):
    """The graded sample. `error` is the error of a failed request, which has no answer."""

    output: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float | None = None
    price: float | None = None
    error: str | None = None


NO_ANSWER = Answer()


class Verdict(NamedTuple):
    """One verdict. `place` is file:line:col, or the closest location that a log has.

    `grader` is None for a sample that is ungraded by all graders. `score` is finite, or None with
    the reason in `error`. `item` is the item's name; `content` is the rest of its identity, such as
    its text.
    """

    place: str
    source: Source
    item: str
    grader: str | None
    score: float | None
    passed: bool | None
    reason: str = ""
    error: str | None = None
    repeat: int = 0
    group: str | None = None
    answer: Answer = NO_ANSWER
    content: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """Names given by the user; None means the file's. `left_out` collects what is not imported.

    `group` is the metadata field that groups items. With `partial` a log may have fewer samples
    than it declares; `short` then has a sentence for each such run.
    """

    evalset: str | None = None
    split: str = "dev"
    run: str | None = None
    group: str | None = None
    partial: bool = False
    left_out: list[str] = field(default_factory=list[str])
    short: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if self.evalset is not None and not is_name(self.evalset):
            raise BadOption(
                f"--evalset must be a name of 1 to 200 printable characters, got {self.evalset!r}"
            )
        if self.run is not None and (fault := why_not(self.run)):
            raise BadOption(f"--run {self.run!r}: {fault}; choose another name")
        if self.split not in SPLITS:
            raise BadOption(f"--split must be one of {', '.join(SPLITS)}, got {self.split!r}")

    def check_whole(self, place: str, run: str, there: int, counted: int, what: str) -> None:
        """Record a truncated log in `short`. Raises BadFile without `partial`."""
        if there >= counted:
            return
        story = f"it has {there:,} of the {counted:,} {what} that it declares"
        if not self.partial:
            raise BadFile(
                f"{place}: {story}. Export the whole log, or import it as an unfinished run with"
                " --partial"
            )
        self.short[run] = story


def is_name(value: object) -> bool:
    """Whether this is a valid name of a run, evalset, grader or model."""
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def passes(score: float) -> bool | None:
    """Whether a score from 0 to 1 passes (0.5 or more), if the other harness does not say.

    The pass mark of a score outside that range, such as a length, is unknown.
    """
    return score >= 0.5 if 0.0 <= score <= 1.0 else None

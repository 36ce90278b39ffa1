"""What every format is read into: one verdict of one grader on one answer, and whose it is.

A reader yields verdicts in the order of its file and raises BadFile at the first fault, so that
nothing is written before all of it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flywheel.errors import BadFile, BadOption, FlywheelError
from flywheel.evals.run.run_names import why_not

SPLITS = ("train", "dev", "test")
# An item may be answered this often: 20 bits beside its position.
MOST_REPEATS = 1 << 20


class RunTaken(FlywheelError):
    """A run of that name is in the store already, and holds something else."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which run a verdict belongs to, and what the other harness says of that run.

    `complete` says that every grader judged every sample: a verdict that is not there is ungraded.
    `note` is for people; all the rest tells two contents of one name apart.
    """

    run: str
    evalset: str
    split: str
    model: str
    note: str
    prompt: tuple[Mapping[str, str], ...] = ()
    complete: bool = False


class Answer(NamedTuple):
    """The sample that was judged. `error` is a request that failed, so that there is no answer."""

    output: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float | None = None
    price: float | None = None
    error: str | None = None


NO_ANSWER = Answer()


class Verdict(NamedTuple):
    """One verdict. `place` is file:line:col or the nearest that a log has.

    `grader` is None for a sample that no grader could judge: it is ungraded by all of them. `score`
    is finite, or None with the reason in `error`. `item` is the item's name; `content` is what
    else makes it that very item, such as its text.
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
    """What the user calls things; None is what the file says. `left_out` collects what stays away.

    `group` names the field of an item's metadata that ties items together. With `partial` a log may
    hold less than it counts; `short` then says of each such run what it lacks.
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
                f"--evalset is a name of 1 to 200 printable characters, got {self.evalset!r}"
            )
        if self.run is not None and (fault := why_not(self.run)):
            raise BadOption(f"--run {self.run!r}: {fault}; choose another name")
        if self.split not in SPLITS:
            raise BadOption(f"--split is one of {', '.join(SPLITS)}, got {self.split!r}")

    def check_whole(self, place: str, run: str, there: int, counted: int, what: str) -> None:
        """Note a log that was cut. Raises BadFile for one that is not wanted as it is."""
        if there >= counted:
            return
        story = f"it holds {there:,} of the {counted:,} {what} that it counts"
        if not self.partial:
            raise BadFile(
                f"{place}: {story}. Export the whole log, or import it as an unfinished run with"
                " --partial"
            )
        self.short[run] = story


def is_name(value: object) -> bool:
    """Whether this can name a run, an evalset, a grader or a model: text that fits a line."""
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def passes(score: float) -> bool | None:
    """Whether a score passes where the other harness does not say: from 0.5 on, of 0 to 1.

    A score beyond that range, such as a length, has no pass mark that could be known.
    """
    return score >= 0.5 if 0.0 <= score <= 1.0 else None

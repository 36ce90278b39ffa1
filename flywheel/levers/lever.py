"""The contract of a lever: a config in, an order, and a candidate out.

All levers have the same interface, whether they change the prompt, the weights or both. `prepare`
resolves every setting and records all inputs by digest; `run` does the work, usually in its own
process, and can be stopped and resumed. Whether the candidate is better is decided elsewhere, on
data that no lever has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self, TypeVar

from flywheel.engines.engine import Answerer
from flywheel.errors import FlywheelError
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.evalset.items import Items
from flywheel.jobs.kind import Order
from flywheel.jobs.process import Control, Emit
from flywheel.levers.candidate import Candidate


class SealedSplit(FlywheelError):
    """A lever asked for the test split."""


class TaskEvalset(Evalset):
    """An evalset as a lever sees it: train and dev, without the test split."""

    @classmethod
    def of(cls, evalset: Evalset) -> Self:
        """The same evalset without its test split."""
        return cls(evalset.name, evalset.folder, evalset.definition)

    # Deliberately narrower than Evalset.split: the type checker keeps levers from reading test.
    def split(self, name: Literal["train", "dev"]) -> Items:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The items of train or dev. Raises SealedSplit for any other."""
        if name not in ("train", "dev"):
            raise SealedSplit(
                f"a lever may read train and dev, got {name!r}; only the gate reads test"
            )
        return super().split(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a lever improves, and the resources it may use.

    `baseline` is the run to beat, None if it is measured after `prepare`. `engine` answers the
    requests of graders; `judge` is its model. `budget` is in dollars, None for no limit. `warn`
    prints a line for the user.
    """

    evalset: TaskEvalset
    engine: Answerer
    baseline: str | None = None
    judge: str | None = None
    budget: float | None = None
    warn: Callable[[str], None] = lambda text: None

    @property
    def train(self) -> Items:
        """The items to learn from."""
        return self.evalset.split("train")

    @property
    def dev(self) -> Items:
        """The items for model selection."""
        return self.evalset.split("dev")


@dataclass(frozen=True, slots=True)
class Work:
    """The context of an order's execution: job folder, event sink, and control commands."""

    folder: Path
    emit: Emit
    control: Control


Config = TypeVar("Config", contravariant=True)
Settled = TypeVar("Settled", bound=Order)


class Lever(Protocol[Config, Settled]):
    """One way to make a candidate."""

    def prepare(self, config: Config, task: Task) -> Settled:
        """The order for a config. Raises a FlywheelError for anything that would fail later."""
        ...

    def run(self, order: Settled, work: Work) -> Candidate | None:
        """Execute the order, or resume it. None if it is paused or cancelled."""
        ...

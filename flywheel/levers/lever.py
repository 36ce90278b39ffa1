"""The contract of a lever: a config in, an order, and a candidate out.

Every lever has one shape, whatever it changes: the prompt, the weights, or both. `prepare` settles
every number and names all that the work depends on by digest; `run` does the work, in a process of
its own as a rule, and may be stopped and run again. Whether the candidate is any better is decided
elsewhere, on data that no lever saw.
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
    """An evalset as a lever has it: train and dev. There is no test split to ask for."""

    @classmethod
    def of(cls, evalset: Evalset) -> Self:
        """The same evalset without its test split."""
        return cls(evalset.name, evalset.folder, evalset.definition)

    # Narrower than an evalset on purpose: that levers never see test is a type.
    def split(self, name: Literal["train", "dev"]) -> Items:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The items of train or dev. Raises SealedSplit for any other."""
        if name not in ("train", "dev"):
            raise SealedSplit(f"a lever sees train and dev, got {name!r}; test is for the gate")
        return super().split(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a lever is to improve, and what it may use for it.

    `baseline` is the run to beat, None where it is measured once the order stands. `engine` answers
    what graders ask; `judge` names the model behind it. `budget` is in dollars, None is no limit.
    `warn` shows a line to a person.
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
        """The items to choose by."""
        return self.evalset.split("dev")


@dataclass(frozen=True, slots=True)
class Work:
    """Where an order is carried out: the job's folder, who hears its events, what to do next."""

    folder: Path
    emit: Emit
    control: Control


Config = TypeVar("Config", contravariant=True)
Settled = TypeVar("Settled", bound=Order)


class Lever(Protocol[Config, Settled]):
    """One way to make a candidate."""

    def prepare(self, config: Config, task: Task) -> Settled:
        """The order for a config. Raises a FlywheelError for what would stop the work later."""
        ...

    def run(self, order: Settled, work: Work) -> Candidate | None:
        """Carry the order out, or go on where it stopped. None when it is paused or cancelled."""
        ...

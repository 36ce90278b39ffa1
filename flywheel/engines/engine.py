"""The contract of an engine: the only way to ask a model, and to answer what graders ask.

An `EngineSpec` says everything that asking depends on beside the model's name. Whoever measures,
trains or checks graders gets an engine, and constructs no sampler, judge or sandbox. `here` runs
everything in this process and its workers; an engine on several machines implements the same
protocol from the same spec.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from flywheel.errors import BadOption
from flywheel.samplers.endpoint.sampler import EndpointOptions
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.meter import Meter
from flywheel.samplers.price import Prices
from flywheel.samplers.resolve import Setting, judge_digest, model_digest
from flywheel.samplers.sampler import Output, Request
from flywheel.tiny.weights import SHIPPED, tiny_folder
from graders.asks import Answer, Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """How models are asked and answers graded. It can be pickled.

    `judge` names the model that graders ask; None leaves them ungraded. `key_env` and
    `judge_key_env` name the environment variables that hold the keys of endpoints. `in_flight` is
    the most requests that an endpoint has at once, `local` how a model of this machine is held in
    memory. `prices` are what tokens cost. `unsafe_python` runs Python graders where no sandbox is
    possible, in `workers` processes; None means as many as there are cores. A run
    asks at most `max_samples`, and stops with BudgetSpent once `max_cost` dollars are spent. Raises
    BadOption for a `max_cost` without `prices`, and for a number that is too small.
    """

    judge: str | None = None
    key_env: str | None = None
    judge_key_env: str | None = None
    in_flight: int = 64
    local: LocalOptions = LocalOptions()  # noqa: RUF009 - it is frozen
    prices: Prices | None = None
    unsafe_python: bool = False
    workers: int | None = None
    max_samples: int | None = None
    max_cost: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("in_flight", 1), ("workers", 1), ("max_samples", 1), ("max_cost", 0)):
            given: object = getattr(self, name)
            if given is not None and not (isinstance(given, int | float) and given >= least):
                raise BadOption(f"{name} is a number, {least} or more, got {given!r:.80}")
        if self.max_cost is not None and self.prices is None:
            raise BadOption(
                "max_cost needs to know what tokens cost; give a price file with --prices, or"
                " leave max_cost out"
            )

    def setting(self, model: str, key_env: str | None = None) -> Setting:
        """What this model's name means here. The shipped weights are verified when they are named.

        Raises BrokenWeights.
        """
        folders = {"tiny": tiny_folder() if model == "tiny" else SHIPPED}
        endpoint = EndpointOptions(url="", in_flight=self.in_flight, key_env=key_env)
        return Setting(folders=folders, endpoint=endpoint, local=self.local)

    def model_digest(self, model: str) -> str:
        """The digest of the model of this name. Raises BadOption or BadFile."""
        return model_digest(model, self.setting(model))

    @property
    def judge_digest(self) -> str | None:
        """The digest of the judge, None without one. Raises BadOption or BadFile."""
        return judge_digest(self.judge, self.setting(self.judge or ""))


class Answerer(Protocol):
    """Answers what graders ask."""

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """An answer to every ask, in order. What cannot be answered is `Failed`; nothing raises."""
        ...


class Engine(Answerer, Protocol):
    """Asks models and answers graders, for several runs at the same time. A context manager."""

    @property
    def spec(self) -> EngineSpec:
        """What it was opened from."""
        ...

    @property
    def judge(self) -> Meter | None:
        """What the judge took so far, None without a judge."""
        ...

    def open(self, model: str) -> Meter:
        """What the model of this name took so far; it is opened now, unless it was before.

        A wrong name, a missing key, or a price that `max_cost` needs shows here, before anything is
        written down: raises a FlywheelError. A local model is loaded when it is first asked.
        """
        ...

    def sample(self, model: str, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Ask the model of this name, as `Sampler.sample` does. It is opened at the first call."""
        ...

    def check_budget(self) -> None:
        """Raise BudgetSpent when `max_cost` is spent, or BadOption when an answer has no price."""
        ...

    def affordable(self, done: int, most: int) -> int:
        """How many samples or verdicts to take next: `most` where no `max_cost` is set.

        Else at most as many as the rest of it pays for if each takes what the `done` ones of this
        engine took. Raises BudgetSpent when it is spent, BadOption where no price is known.
        """
        ...

    def under(self, spec: EngineSpec) -> Engine:
        """An engine by another spec that shares what is open already, as its parts allow.

        Its meters begin at zero and its scripts and replays at their first line, so each run has
        one of its own. It may be left open: what it opened is closed with the engine it came from.
        """
        ...

    async def aclose(self) -> None:
        """End what was opened: models, connections, the sandbox and all other processes."""
        ...

    def __enter__(self) -> Self:
        """Close it at the end of a `with` block, where no event loop runs."""
        ...

    def __exit__(self, *error: object) -> None:
        """Close it."""
        ...

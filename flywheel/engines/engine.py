"""The contract of an engine: the only way to ask a model, and to answer what graders ask.

An `EngineSpec` has every setting that requests depend on besides the model's name. Code that
measures, trains or checks graders gets an engine, and constructs no sampler, judge or sandbox.
`here` runs everything in this process and its workers; an engine on several machines would
implement the same protocol with the same spec.
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
    the maximum number of concurrent requests to an endpoint, `local` configures how local models
    are loaded, `prices` are the prices of tokens. `unsafe_python` runs Python graders even if no
    sandbox is available, in `workers` processes, by default one per core. A run takes at most
    `max_samples`, and stops with BudgetSpent once `max_cost` dollars are spent. Raises
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
        """How to resolve the name of this model. Verifies the shipped weights if it names them.

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
        """An answer to every ask, in order; `Failed` if there is none. Does not raise."""
        ...


class Engine(Answerer, Protocol):
    """Asks models and answers graders, for several runs at the same time. A context manager."""

    @property
    def spec(self) -> EngineSpec:
        """The spec that it was opened with."""
        ...

    @property
    def judge(self) -> Meter | None:
        """The judge's usage so far, None without a judge."""
        ...

    def open(self, model: str) -> Meter:
        """The usage so far of the model of this name, which is opened if it is not open.

        Raises a FlywheelError for a wrong name, a missing key, or a missing price that `max_cost`
        needs, so that these show before a run is stored. A local model is loaded on first use.
        """
        ...

    def sample(self, model: str, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Ask the model of this name, as `Sampler.sample` does. It is opened at the first call."""
        ...

    def check_budget(self) -> None:
        """Raise BudgetSpent if `max_cost` is spent, or BadOption if an answer has no price."""
        ...

    def affordable(self, done: int, most: int) -> int:
        """How many samples or verdicts to take next: `most` if no `max_cost` is set.

        Otherwise at most as many as the rest of it pays for at the average cost of this engine's
        `done` ones. Raises BudgetSpent if it is spent, BadOption if no price is known.
        """
        ...

    def under(self, spec: EngineSpec) -> Engine:
        """An engine with another spec that shares the open models and workers where possible.

        Its meters start at zero and its scripts and replays at their first line, so each run gets
        its own. It need not be closed: closing its parent closes what it opened.
        """
        ...

    async def aclose(self) -> None:
        """Close models, connections, the sandbox and all other processes."""
        ...

    def __enter__(self) -> Self:
        """Enter a `with` block outside an event loop; its end closes the engine."""
        ...

    def __exit__(self, *error: object) -> None:
        """Close it."""
        ...

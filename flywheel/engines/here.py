"""here: an engine in this process and its workers.

Models and judges are asked through samplers, Python sources run in the sandbox, texts are embedded
and conversations rated by local models. Each is opened once, on first use, and closed with the
engine. An ask that cannot be answered becomes `Failed`, which leaves the sample ungraded; it never
becomes a score.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urldefrag

from flywheel.engines.budget import Budget
from flywheel.engines.engine import EngineSpec
from flywheel.engines.pool import Pool
from flywheel.errors import BadOption
from flywheel.extras import MissingExtra, need
from flywheel.samplers.meter import Meter
from flywheel.samplers.resolve import is_played, judge_name, model_digest, open_sampler
from flywheel.samplers.sampler import Output, Request, Sampler, asks_provider
from graders.asks import Answer, Ask, Embed, Failed, Judge, Rate, Reply, Run, Vectors
from graders.sandbox.confinement.tier import NoSandbox, tiers
from graders.sandbox.sandbox import Sandbox
from graders.ungraded import Kind

if TYPE_CHECKING:
    from flywheel.samplers.local.scoring.reward import LocalRewardModel

_NO_JUDGE = "no judge is set; name one with --judge"


class Embedder(Protocol):
    """Turns texts into vectors of one length."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """The vectors, in the order of the texts."""
        ...


class Here:
    """The engine of this machine. See `flywheel.engines.engine.Engine`."""

    def __init__(
        self,
        spec: EngineSpec | None = None,
        *,
        samplers: Mapping[str, Sampler] | None = None,
        embedder: Embedder | None = None,
        answered: Callable[[], object] = lambda: None,
        pool: Pool | None = None,
    ) -> None:
        """`samplers` replace the models and judges of these names; `embedder` replaces the encoder.

        `answered` is called at each answer of a judge or of the sandbox, from any thread.
        """
        self._spec = spec or EngineSpec()
        self._given = dict(samplers or {})
        self._embedder = embedder
        self._answered = answered
        self._owns_pool, self._pool = pool is None, pool or Pool()
        self._meters: dict[str, Meter] = {}
        self._judge: Meter | None = None
        if self._spec.judge:
            name, key_env = judge_name(self._spec.judge), self._spec.judge_key_env
            self._judge = self._metered(name, key_env, "--judge-api-key-env")
        self._budget = Budget(self._spec.max_samples, self._spec.max_cost, self._dollars)

    @property
    def spec(self) -> EngineSpec:
        """The spec that it was opened with."""
        return self._spec

    @property
    def judge(self) -> Meter | None:
        """The judge's usage so far, None without a judge."""
        return self._judge

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._owns_pool:
            self._pool.close()

    async def aclose(self) -> None:
        """Close everything that was opened."""
        if self._owns_pool:
            await asyncio.to_thread(self._pool.close)

    def under(self, spec: EngineSpec) -> Here:
        """An engine with another spec that shares the open models and workers."""
        return Here(
            spec,
            samplers=self._given,
            embedder=self._embedder,
            answered=self._answered,
            pool=self._pool,
        )

    def open(self, model: str) -> Meter:
        """The usage so far of the model of this name, which is opened if it is not open."""
        if model not in self._meters:
            self._meters[model] = self._metered(model, self._spec.key_env, "--api-key-env")
        return self._meters[model]

    async def sample(
        self, model: str, requests: Sequence[Request]
    ) -> AsyncGenerator[tuple[int, Output]]:
        """Ask the model of this name. Closing the iterator ends the work. Raises BudgetSpent."""
        allowed = left = self._budget.allowed(len(requests))
        async with aclosing(self.open(model).sample(requests[:allowed])) as outputs:
            async for answered in outputs:
                yield answered
                left -= 1
                if left:
                    self.check_budget()
        if allowed < len(requests):
            self._budget.check(is_complete=False)

    def check_budget(self) -> None:
        """Raise BudgetSpent if `max_cost` is spent, or BadOption if an answer has no price."""
        self._budget.check()

    def affordable(self, done: int, most: int) -> int:
        """How many samples or verdicts to take next. Raises BudgetSpent and BadOption."""
        return self._budget.affordable(done, most)

    def _dollars(self) -> float:
        """The cost so far of this engine's models and judge. Raises BadOption without a price."""
        meters = [*self._meters.items()]
        if self._judge and self._spec.judge:
            meters.append((self._spec.judge, self._judge))
        for name, meter in meters:
            if asks_provider(name) and meter.silent:
                raise BadOption(
                    f"max_cost needs the usage of each answer, and {name} gave {meter.silent}"
                    " without; make it report its usage, or leave max_cost out"
                )
            if asks_provider(name) and meter.unpriced:
                raise _no_price(", ".join(sorted(meter.unpriced)))
        return sum(meter.price or 0.0 for _, meter in meters)

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """An answer to every ask, in order."""
        answers: list[Answer | None] = [None] * len(asks)
        judged = [(i, ask) for i, ask in enumerate(asks) if isinstance(ask, Judge)]
        embedded = [(i, ask) for i, ask in enumerate(asks) if isinstance(ask, Embed)]
        rated = [(i, ask) for i, ask in enumerate(asks) if isinstance(ask, Rate)]
        runs: dict[str, list[tuple[int, Run]]] = defaultdict(list)
        for i, ask in enumerate(asks):
            if isinstance(ask, Run):
                runs[ask.source].append((i, ask))
        broken = await asyncio.gather(
            self._ask_judge(judged, answers),
            asyncio.to_thread(self._embed, embedded, answers),
            asyncio.to_thread(self._rate, rated, answers),
            *(asyncio.to_thread(self._run, calls, answers) for calls in runs.values()),
            return_exceptions=True,
        )
        why = "; ".join(f"{type(e).__name__}: {e}" for e in broken if isinstance(e, Exception))
        return [answer or _unanswered(ask, why) for ask, answer in zip(asks, answers, strict=True)]

    def _sandbox(self) -> Sandbox:
        """The sandbox, started on first use. Raises NoSandbox."""
        unsafe, workers = self._spec.unsafe_python and not tiers(), self._spec.workers
        return self._pool.get(
            ("sandbox", unsafe, workers), lambda: Sandbox(unsafe=unsafe, workers=workers)
        )

    def _metered(self, name: str, key_env: str | None, option: str) -> Meter:
        prices, asked = self._spec.prices, urldefrag(name)[1] if asks_provider(name) else ""
        if self._spec.max_cost is not None and prices and asked and not prices.fit(asked):
            raise _no_price(asked)
        return Meter(self._sampler(name, key_env, option), prices)

    def _sampler(self, name: str, key_env: str | None, option: str) -> Sampler:
        if name in self._given:
            return self._given[name]
        if key_env is not None and not name.lower().startswith(("http://", "https://")):
            raise BadOption(f"{option} is for an endpoint (https://host/v1#MODEL); got {name!r}")
        setting = self._spec.setting(name, key_env)
        if is_played(name):
            # Scripts and replays start at their first line for every run.
            return open_sampler(name, setting)
        # A folder or file that changed is another model under the same name.
        content = model_digest(name, setting)
        key = ("model", name, content, key_env, self._spec.in_flight, self._spec.local)
        return self._pool.get(key, lambda: open_sampler(name, setting))

    async def _ask_judge(
        self, asks: Sequence[tuple[int, Judge]], answers: list[Answer | None]
    ) -> None:
        if self._judge is None:
            for i, _ in asks:
                answers[i] = Failed(Kind.JUDGE_SERVER, "no_judge", _NO_JUDGE)
            return
        requests = [Request(a.model, a.messages, a.sampling, a.schema) for _, a in asks]
        async for position, output in self._judge.sample(requests):
            reply = Reply(output.text, output.model, output.usage, output.refusal, output.truncated)
            failed = output.error is not None and Failed(Kind.JUDGE_SERVER, "judge", output.error)
            answers[asks[position][0]] = failed or reply
            self._answered()

    def _run(self, calls: Sequence[tuple[int, Run]], answers: list[Answer | None]) -> None:
        try:
            sandbox = self._sandbox()
        except NoSandbox as error:
            for i, _ in calls:
                answers[i] = Failed(Kind.PYTHON_SERVER, "no_sandbox", str(error))
            return
        pairs = [(run.sample, run.item) for _, run in calls]
        for position, answer in sandbox.grade(calls[0][1].source, pairs):
            answers[calls[position][0]] = answer
            self._answered()

    def _embed(self, asks: Sequence[tuple[int, Embed]], answers: list[Answer | None]) -> None:
        if not asks:
            return
        try:
            embedder = self._embedder or self._pool.get("embedder", _open_embedder)
        except MissingExtra as error:
            for i, _ in asks:
                answers[i] = Failed(Kind.OTHER, "no_embedder", str(error))
            return
        rows = iter(embedder.embed([text for _, ask in asks for text in ask.texts]))
        for i, ask in asks:
            answers[i] = Vectors(tuple(next(rows) for _ in ask.texts))

    def _rate(self, asks: Sequence[tuple[int, Rate]], answers: list[Answer | None]) -> None:
        by_model: dict[tuple[str, str | None], list[tuple[int, Rate]]] = defaultdict(list)
        for i, ask in asks:
            by_model[ask.model, ask.digest].append((i, ask))
        for (name, digest), calls in by_model.items():
            try:
                found = self._reward_model(name, digest).rate([ask for _, ask in calls])
            except BadOption as error:
                failed = Failed(Kind.JUDGE_SERVER, "no_reward_model", str(error))
                found = [failed] * len(calls)
            for (i, _), answer in zip(calls, found, strict=True):
                answers[i] = answer

    def _reward_model(self, name: str, digest: str | None) -> LocalRewardModel:
        from flywheel.samplers.local.scoring.reward import open_reward_model

        key = ("reward model", name, digest)
        return self._pool.get(key, lambda: open_reward_model(name, digest))


def _no_price(model: str) -> BadOption:
    return BadOption(
        f"max_cost needs the price of {model}, and the price file has none that fits; add a line"
        " whose name is the beginning of it (with 0 for what is free), or leave max_cost out"
    )


def _unanswered(ask: Ask, why: str) -> Failed:
    """The failure of an ask that an unexpected error left unanswered."""
    kinds = {
        Run: Kind.PYTHON_SERVER,
        Judge: Kind.JUDGE_SERVER,
        Rate: Kind.JUDGE_SERVER,
        Embed: Kind.OTHER,
    }
    return Failed(kinds[type(ask)], "no_answer", f"no answer came back. {why}".rstrip())


def _open_embedder() -> Embedder:
    """The installed encoder. Raises MissingExtra."""
    from flywheel.samplers.local.scoring.embedder import PACKAGES, LocalEmbedder, default_folder

    need(*PACKAGES, user="a grader that compares embeddings")
    folder = default_folder()
    assert folder is not None, "its package is installed"
    return LocalEmbedder(folder)

"""here: answers what graders ask, in this process and its workers.

Judges are asked through a sampler, Python sources run in the sandbox, texts are embedded and
conversations rated by local models. Each is opened when the first grader asks for it. What the
world cannot answer becomes `Failed`, which leaves the sample ungraded; it never becomes a number.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from flywheel.errors import BadOption
from flywheel.extras import MissingExtra, need
from flywheel.samplers.embedder import Embedder
from flywheel.samplers.sampler import Output, Request, Sampler
from graders.asks import Answer, Ask, Embed, Failed, Judge, Rate, Reply, Run, Vectors
from graders.sandbox.confinement.tier import NoSandbox, tiers
from graders.sandbox.sandbox import Sandbox
from graders.ungraded import Kind

if TYPE_CHECKING:
    from flywheel.samplers.local.reward import LocalRewardModel

_NO_JUDGE = "no judge is set; name one with --judge"


class Here:
    """Answers asks on this machine. Use it as a context manager: it may own a sandbox."""

    def __init__(
        self,
        judge: Sampler | None = None,
        embedder: Embedder | None = None,
        *,
        unsafe_python: bool = False,
        workers: int | None = None,
        answered: Callable[[], object] = lambda: None,
    ) -> None:
        """`answered` is called at each answer of a judge or of the sandbox, from any thread."""
        self._judge = judge
        self._embedder = embedder
        self._unsafe_python = unsafe_python
        self._workers = workers
        self._answered = answered
        self._sandbox: Sandbox | None = None
        # Held here, so that they stay loaded as long as the engine does.
        self._reward_models: dict[tuple[str, str | None], LocalRewardModel] = {}
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._sandbox is not None:
            self._sandbox.close()

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

    def sandbox(self) -> Sandbox:
        """The sandbox, started when it is first wanted. Raises NoSandbox."""
        with self._starting:
            if self._sandbox is None:
                unsafe = self._unsafe_python and not tiers()
                self._sandbox = Sandbox(unsafe=unsafe, workers=self._workers)
            return self._sandbox

    async def _ask_judge(
        self, asks: Sequence[tuple[int, Judge]], answers: list[Answer | None]
    ) -> None:
        if self._judge is None:
            for i, _ in asks:
                answers[i] = Failed(Kind.JUDGE_SERVER, "no_judge", _NO_JUDGE)
            return
        requests = [Request(a.model, a.messages, a.sampling, a.schema) for _, a in asks]
        async for position, output in self._judge.sample(requests):
            answers[asks[position][0]] = _reply(output)
            self._answered()

    def _run(self, calls: Sequence[tuple[int, Run]], answers: list[Answer | None]) -> None:
        try:
            sandbox = self.sandbox()
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
        if self._embedder is None:
            try:
                self._embedder = _installed_embedder()
            except MissingExtra as error:
                for i, _ in asks:
                    answers[i] = Failed(Kind.OTHER, "no_embedder", str(error))
                return
        rows = iter(self._embedder.embed([text for _, ask in asks for text in ask.texts]))
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
        from flywheel.samplers.local.reward import open_reward_model

        if (name, digest) not in self._reward_models:
            self._reward_models[name, digest] = open_reward_model(name, digest)
        return self._reward_models[name, digest]


def _reply(output: Output) -> Answer:
    if output.error is not None:
        return Failed(Kind.JUDGE_SERVER, "judge", output.error)
    return Reply(output.text, output.model, output.usage, output.refusal, output.truncated)


def _unanswered(ask: Ask, why: str) -> Failed:
    """A fault of ours or of a model costs the asks that waited for it, and no others."""
    kinds = {
        Run: Kind.PYTHON_SERVER,
        Judge: Kind.JUDGE_SERVER,
        Rate: Kind.JUDGE_SERVER,
        Embed: Kind.OTHER,
    }
    return Failed(kinds[type(ask)], "no_answer", f"no answer came back. {why}".rstrip())


def _installed_embedder() -> Embedder:
    """Raises MissingExtra."""
    from flywheel.samplers.local.embedder import PACKAGES, LocalEmbedder, default_folder

    need(*PACKAGES, user="a grader that compares embeddings")
    folder = default_folder()
    assert folder is not None, "its package is installed"
    return LocalEmbedder(folder)

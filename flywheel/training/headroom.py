# pyright: standard
"""Headroom: whether there is anything for RFT to sharpen, asked before it is paid for.

RFT makes likelier what sampling finds already. Some prompts are answered `k` times each at the
temperature of the training: where all answers of a prompt earn the same there is nothing to learn
from it, and where the best of k is no better than the average there is nowhere to go.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flywheel.data.training_row import TrainingRow
from flywheel.evals.evalset import load_evalset
from flywheel.evals.grade import Engine, Verdict, grade_samples
from flywheel.evals.run import sample_of
from flywheel.samplers.local import LocalSampler
from flywheel.samplers.local_load import LocalOptions, prepared
from flywheel.samplers.sampler import Output, Request
from flywheel.stats.passk import mean_pass
from flywheel.training.base import Base
from flywheel.training.exam import plain, roles_of, span, undisturbed
from flywheel.training.order import Order
from flywheel.training.rft import group_size
from graders.grader import Grade, Grader
from graders.sample import Sample

PROMPTS = 50
# So many groups without spread leave next to nothing to learn from.
_MOST_FLAT = 0.9
# A gain from choosing among k, in shares of the reward's span, that is not worth the trouble.
_LEAST_ROOM = 0.02


@dataclass(frozen=True, slots=True)
class Headroom:
    """What was found. Rewards are in shares of their span; shares are of the prompts.

    `pass_1` and `pass_k` are of the primary grader, None when it gave no verdict. `flat` prompts
    earn the same with each answer; `failed` and `solved` are those of them at the bottom and top.
    """

    prompts: int
    k: int
    pass_1: float | None
    pass_k: float | None
    mean: float
    best: float
    flat: float
    failed: float
    solved: float

    @property
    def worth_it(self) -> bool:
        """Whether there is something to sharpen."""
        return self.flat < _MOST_FLAT and self.best - self.mean >= _LEAST_ROOM

    def told(self) -> str:
        """The figures and the advice, in words."""
        passed = ""
        if self.pass_1 is not None and self.pass_k is not None:
            passed = f"pass@1 {self.pass_1:.0%}, pass@{self.k} {self.pass_k:.0%}; "
        figures = (
            f"{self.prompts} prompts x {self.k} answers: {passed}mean reward {self.mean:.2f},"
            f" best of {self.k} {self.best:.2f}; {self.flat:.0%} of the prompts earn the same with"
            " every answer"
        )
        return f"{figures}. {self._advice()}"

    def _advice(self) -> str:
        if self.worth_it:
            return "There is something to sharpen."
        if self.failed >= max(self.solved, 0.5):
            return (
                f"RFT has nothing to sharpen: on {self.failed:.0%} of the prompts every answer"
                " fails. Teach it first, with sft or distillation, or reward parts of an answer."
            )
        if self.solved >= 0.5:
            return (
                f"RFT has nothing to sharpen: {self.solved:.0%} of the prompts are always answered"
                " well. Take harder items, or a grader that sees finer differences."
            )
        return (
            "RFT has little to sharpen: the best answers are hardly better than the others. Raise"
            " the temperature, or teach it with sft first."
        )


def headroom(
    base: Base, order: Order, rows: Sequence[TrainingRow], engine: Engine, k: int | None = None
) -> Headroom | None:
    """Ask PROMPTS of the rows k times each; None when no answer could be graded.

    Without `k` each gets as many answers as in training. The model is left as it was.
    """
    k = k or group_size(order)
    chosen = random.Random(f"headroom {order.config.seed}").sample(rows, min(PROMPTS, len(rows)))
    outputs = _answers(base, order, chosen, k)
    definition = load_evalset(order.config.evalset).definition
    roles = roles_of(order.config, definition)
    total, weights = np.zeros((len(chosen), k)), 0.0
    for name, weight in roles.rewards.items():
        grader = next(one for one in definition.graders if one.name == name)
        total += weight * _shares(grader, _grade(grader, chosen, outputs, k, engine), k)
        weights += abs(weight)
    primary = next(one for one in definition.graders if one.name == roles.primary)
    verdicts = _grade(primary, chosen, outputs, k, engine)
    return _summed(total / (weights or 1.0), verdicts, k)


def _answers(base: Base, order: Order, rows: Sequence[TrainingRow], k: int) -> list[Output]:
    """k answers to each row, row by row."""
    config = order.config
    requests = [
        Request(
            model=config.model,
            messages=[message.as_json() for message in row.prompt],
            sampling={
                "temperature": config.temperature,
                "max_completion_tokens": order.numbers.max_completion_tokens,
                "seed": config.seed + repeat * len(rows) + number,
            },
            tools=row.tools,
        )
        for number, row in enumerate(rows)
        for repeat in range(k)
    ]
    outputs = [Output(error="no answer came")] * len(requests)

    async def ask(sampler: LocalSampler) -> None:
        async for index, output in sampler.sample(requests):
            outputs[index] = output

    with undisturbed(base.model, base.tokenizer):
        loaded = prepared(plain(base.model), base.tokenizer)
        sampler = LocalSampler(LocalOptions(name=config.model, paged=False), loaded)
        try:
            asyncio.run(ask(sampler))
        finally:
            sampler.close()
    return outputs


def _grade(
    grader: Grader, rows: Sequence[TrainingRow], outputs: Sequence[Output], k: int, engine: Engine
) -> list[Verdict | None]:
    """A verdict for each answer, None where there was no answer."""
    good = [i for i, output in enumerate(outputs) if output.error is None]
    samples: list[Sample] = [sample_of(rows[i // k].item, outputs[i]) for i in good]
    found = dict(zip(good, asyncio.run(grade_samples(grader, samples, engine)), strict=True))
    return [found.get(i) for i in range(len(outputs))]


def _shares(grader: Grader, verdicts: Sequence[Verdict | None], k: int) -> np.ndarray:
    """Scores in shares of the grader's span, NaN where there is none; a row for each prompt."""
    low, high = span(grader)
    scores = [one.score if isinstance(one, Grade) else np.nan for one in verdicts]
    return (np.array(scores).reshape(-1, k) - low) / (high - low)


def _summed(rewards: np.ndarray, verdicts: Sequence[Verdict | None], k: int) -> Headroom | None:
    rewards = rewards[~np.isnan(rewards).any(axis=1)]
    if not rewards.size:
        return None
    flat = np.ptp(rewards, axis=1) < 1e-9
    passed = [
        [one.passed for one in verdicts[i : i + k] if isinstance(one, Grade)]
        for i in range(0, len(verdicts), k)
    ]
    tried = [len(one) for one in passed]
    right = [sum(one) for one in passed]
    once, often = (mean_pass(tried, right, count).interval for count in (1, k))
    return Headroom(
        prompts=len(rewards),
        k=k,
        pass_1=once.mean if once else None,
        pass_k=often.mean if often else None,
        mean=float(rewards.mean()),
        best=float(rewards.max(axis=1).mean()),
        flat=float(flat.mean()),
        failed=float((flat & (rewards[:, 0] <= 1e-9)).mean()),
        solved=float((flat & (rewards[:, 0] >= 1 - 1e-9)).mean()),
    )

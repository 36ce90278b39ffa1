# pyright: standard
"""Headroom: whether RFT can improve the model, estimated before the training is paid for.

RFT reinforces answers that sampling already finds. Some prompts are answered `k` times each, with
the training's temperature, token limit and reward functions. A prompt whose answers all earn the
same gives no learning signal; if the best of k is no better than the mean, there is no headroom.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flywheel.data.rows.training_row import TrainingRow
from flywheel.evals.grading.grade import Verdict
from flywheel.jobs.progress import OutOfTime
from flywheel.levers.training.config import Setup, TrainingConfig
from flywheel.levers.training.exams.live import ask_live, grade_outputs
from flywheel.levers.training.exams.roles import span
from flywheel.levers.training.rewards.rewards import GraderReward
from flywheel.samplers.sampler import Output, Request
from flywheel.stats.passk import mean_pass
from graders.grader import Grade

PROMPTS = 50
SECONDS = 60.0
# Concurrent answers.
_GROUP = 64
# With a larger share of prompts without spread, there is almost no learning signal.
_MOST_FLAT = 0.9
# The smallest useful gain of the best of k over the mean, as a share of the reward's range.
_LEAST_ROOM = 0.02


@dataclass(frozen=True, slots=True)
class Headroom:
    """The result. `mean` and `best` (of k) are shares of the reward's range.

    `pass_1` and `pass_k` are by the primary grader, None if nothing was graded. `flat` is the share
    of prompts whose answers all earn the same, `failed` and `solved` those at the minimum and the
    maximum.
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
        """Whether there is headroom."""
        return self.flat < _MOST_FLAT and self.best - self.mean >= _LEAST_ROOM

    def describe(self) -> str:
        """The numbers and the advice as text."""
        passed = ""
        if self.pass_1 is not None and self.pass_k is not None:
            passed = f"pass@1 {self.pass_1:.0%}, pass@{self.k} {self.pass_k:.0%}; "
        figures = (
            f"{self.prompts} prompts x {self.k} answers: {passed}mean reward {self.mean:.2f},"
            f" best of {self.k} {self.best:.2f}; on {self.flat:.0%} of the prompts every answer"
            " earns the same"
        )
        return f"{figures}. {self._advice()}"

    def _advice(self) -> str:
        if self.worth_it:
            return "RFT has headroom."
        if self.failed >= max(self.solved, 0.5):
            return (
                f"RFT has no headroom: on {self.failed:.0%} of the prompts every answer fails."
                " Train with sft or distillation first, or reward partial success."
            )
        if self.solved >= 0.5:
            return (
                f"RFT has no headroom: on {self.solved:.0%} of the prompts every answer is right."
                " Use harder items, or a grader with finer scores."
            )
        return (
            "RFT has little headroom: the best answers are hardly better than the mean. Raise the"
            " temperature, or train with sft first."
        )


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the training samples its answers, which the probe repeats.

    `rewards` are its reward functions, `options` its sampling options, `longest` the limit on an
    answer's tokens, and `k` the number of answers per prompt.
    """

    config: TrainingConfig
    setup: Setup
    rewards: Sequence[GraderReward]
    options: Mapping[str, Any]
    longest: int
    k: int


def probe(sampling: Sampling, seconds: float = SECONDS) -> str:
    """The headroom as text, also if it could not be measured."""
    result = headroom(sampling, seconds)
    if result is not None:
        return result.describe()
    return (
        f"headroom not measured: within {seconds:g} s no group of prompts got all its"
        f" {sampling.k} answers of up to {sampling.longest} tokens, or none could be graded"
    )


def headroom(sampling: Sampling, seconds: float = SECONDS) -> Headroom | None:
    """Sample answers to up to PROMPTS of the rows; None if no answer could be graded.

    Stops after `seconds`: groups of prompts are sampled one after another, and an unfinished group
    is discarded, since it would contain only its short answers. The model's state is restored.
    Raises Stopped when the job is asked to stop.
    """
    config, setup, k = sampling.config, sampling.setup, sampling.k
    until = time.monotonic() + seconds
    chosen = random.Random(f"headroom {config.seed}").sample(
        setup.rows, min(PROMPTS, len(setup.rows))
    )
    asked, outputs = 0, list[Output]()
    while asked < len(chosen) and time.monotonic() < until:
        group = range(asked, min(asked + max(1, _GROUP // k), len(chosen)))
        text = f"probe: {asked} of {len(chosen)} prompts, {k} answers each"
        setup.progress.report(text, now=asked == 0)
        requests = [_request(sampling, chosen[i], i * k + j) for i in group for j in range(k)]
        try:
            outputs += ask_live(setup.base, config.model, requests, setup.progress, until=until)
        except OutOfTime:
            break
        asked = group.stop
    return _graded(sampling, chosen[:asked], outputs) if asked else None


def _request(sampling: Sampling, row: TrainingRow, number: int) -> Request:
    return Request(
        model=sampling.config.model,
        messages=[message.as_json() for message in row.prompt],
        sampling={
            **sampling.options,
            "max_completion_tokens": sampling.longest,
            "seed": sampling.config.seed + number,
        },
        tools=row.tools,
    )


def _graded(
    sampling: Sampling, rows: Sequence[TrainingRow], outputs: Sequence[Output]
) -> Headroom | None:
    """Grade the answers with the training's reward functions and the primary grader."""
    setup, progress, k = sampling.setup, sampling.setup.progress, sampling.k
    weights_of = sampling.config.rewards(setup.evalset.definition)
    texts = [output.text for output in outputs]
    items = [row.item for row in rows for _ in range(k)]
    columns = [json.dumps(dict(item), ensure_ascii=False) for item in items]
    total, weights = np.zeros((len(rows), k)), 0.0
    for reward in sampling.rewards:
        weight, (low, high) = weights_of[reward.__name__], span(reward.grader)
        progress.report(f"probe: grading by {reward.__name__}")
        given = progress.wait(reward(texts, columns))
        scores = [
            None if output.error is not None else score
            for score, output in zip(given, outputs, strict=True)
        ]
        total += weight * (np.array(scores, dtype=float).reshape(-1, k) - low) / (high - low)
        weights += abs(weight)
    grading = grade_outputs(setup.evalset.primary, items, outputs, setup.engine)
    verdicts = progress.wait(grading)
    return _summed(total / (weights or 1.0), verdicts, k)


def _summed(rewards: np.ndarray, verdicts: Sequence[Verdict], k: int) -> Headroom | None:
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

# pyright: standard
"""Headroom: what is measured before an RFT, and when it advises against one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flywheel.engines.here import Here
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.jobs.progress import Progress
from flywheel.levers.training.config import Setup
from flywheel.levers.training.methods.base import Base, open_base
from flywheel.levers.training.objectives.rft import RFT
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.rewards.headroom import Headroom, Sampling, headroom, probe
from tests.levers.training.world import build, order, rows_of, settled


def found(**given: float) -> Headroom:
    fields = {"pass_1": 0.4, "pass_k": 0.8, "mean": 0.6, "best": 0.9}
    shares = {"flat": 0.3, "failed": 0.1, "solved": 0.1}
    return Headroom(prompts=50, k=8, **{**fields, **shares, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "worth_it", "told"),
    [
        ({}, True, "RFT has headroom"),
        ({"flat": 0.95, "failed": 0.9}, False, "on 90% of the prompts every answer fails"),
        ({"flat": 0.95, "solved": 0.9}, False, "on 90% of the prompts every answer is right"),
        ({"best": 0.61}, False, "hardly better than the mean"),
        ({"flat": 0.92}, False, "hardly better than the mean"),
    ],
)
def test_the_advice_follows_from_the_figures(
    given: dict[str, float], worth_it: bool, told: str
) -> None:
    one = found(**given)
    assert one.worth_it is worth_it
    assert told in one.describe()


def test_the_figures_are_told_in_words() -> None:
    assert found().describe() == (
        "50 prompts x 8 answers: pass@1 40%, pass@8 80%; mean reward 0.60, best of 8 0.90; on 30%"
        " of the prompts every answer earns the same. RFT has headroom."
    )


def sampling_of(base: Base, order: Order, longest: int, k: int) -> Sampling:
    config, rows = order.config, rows_of(order.config)
    assert isinstance(config, RFT)
    evalset = load_evalset(config.evalset)
    setup = Setup(base, rows, order.numbers, evalset, Path(), Here())
    options = {"temperature": config.temperature}
    return Sampling(
        config, setup, config.reward_functions(evalset.definition, Here()), options, longest, k
    )


def test_tiny_has_headroom_on_its_triage_and_is_left_as_it_was() -> None:
    torch.set_num_threads(1)
    config = RFT(
        evalset="ticket_triage",
        reward=("category", "priority"),
        rows=12,
        temperature=1.5,
        max_completion_tokens=32,
    )
    with quiet():
        base = open_base("tiny", config.method, 0)
    base.model.train()
    state = torch.get_rng_state()
    sampling = sampling_of(base, settled(config), longest=32, k=4)
    one = headroom(sampling)
    assert one is not None and one.prompts == 12 and one.k == 4
    assert one.pass_1 is not None and one.pass_k is not None and one.pass_1 <= one.pass_k
    assert 0.3 < one.mean <= one.best <= 1 and one.failed + one.solved <= one.flat < 0.9
    assert base.model.training and torch.equal(state, torch.get_rng_state())


def test_without_a_verdict_there_is_nothing_to_say() -> None:
    from flywheel.levers.training.rewards.headroom import _summed

    assert _summed(np.full((3, 2), np.nan), [], 2) is None


def test_the_probe_samples_as_the_training_does_and_as_the_evalset_measures(
    tmp_path: Path,
) -> None:
    """An evalset whose answers have 8 tokens is not probed with answers of 512."""
    made = order(tmp_path, lever="rft", group_size=2)
    assert made.numbers.own["max_completion_tokens"] == 8
    told: list[str] = []
    progress = Progress(lambda kind, detail: told.append(detail["text"]))
    with quiet():
        base, rows = open_base("tiny", made.config.method, 0), rows_of(made.config)
        trainer = build(base, made, rows, tmp_path, [], Here())
        assert (trainer.args.max_completion_length, trainer.num_generations) == (8, 2)
        evalset = load_evalset(made.config.evalset)
        given = Setup(base, rows, made.numbers, evalset, tmp_path, Here(), progress)
        text = made.config.probe(trainer, given)
    assert text is not None and "16 prompts x 2 answers" in text
    assert told[0] == "probe: 0 of 16 prompts, 2 answers each"


def test_a_probe_that_may_not_take_long_says_that_it_found_nothing(tmp_path: Path) -> None:
    made = order(tmp_path, lever="rft", group_size=2)
    with quiet():
        base = open_base("tiny", made.config.method, 0)
    text = probe(sampling_of(base, made, 8, 2), seconds=0.0)
    assert text.startswith("headroom not measured: within 0 s")

# pyright: standard
"""Pretraining, for real: a very small model and some thirty steps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from flywheel.tiny.build import build, save
from flywheel.tiny.desk.practice import BATCH_TOKENS, Batch, Practice
from flywheel.tiny.exam import NoCopying, check_copying
from flywheel.tiny.pretrain import Budget, Progress, Size, new_model, pretrain
from flywheel.tiny.tokenizer import train_tokenizer

SMALL = Size(hidden=32, layers=2, heads=2, intermediate=64)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(documents=1500)


def batches(practice: Practice, count: int) -> list[Batch]:
    return list(islice(iter(practice.next, None), count))


def test_the_loss_falls_and_the_model_comes_back_from_disk(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = new_model(tokenizer, SMALL)
    seen: list[Progress] = []
    losses: list[float] = []

    def show(progress: Progress) -> None:
        seen.append(progress)
        losses.append(progress.loss)

    done = pretrain(model, Practice(tokenizer, 0), Budget(tokens=40_000), show)
    assert done.steps >= 25
    assert done.tokens >= 40_000
    # It is smoothed over some thirty steps, so it falls more slowly than the loss itself.
    assert losses[-1] < losses[0] - 0.15
    save(tmp_path, model, tokenizer)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.dtype == torch.float32
    ids = torch.tensor([AutoTokenizer.from_pretrained(tmp_path)("Order #12345")["input_ids"]])
    assert torch.equal(model(ids).logits, again(ids).logits)
    assert again.generation_config.eos_token_id == tokenizer.eos_token_id


def test_the_same_seed_gives_the_same_tokens_in_the_same_order(tokenizer: Any) -> None:
    one, two = Practice(tokenizer, 7), Practice(tokenizer, 7)
    # The streams are apart: how long one practised does not change what the mix holds.
    batches(one, 5)
    for practice in (one, two):
        practice.switch()
    for mine, theirs in zip(batches(one, 20), batches(two, 20), strict=True):
        assert torch.equal(mine.ids, theirs.ids)
        assert torch.equal(mine.weights, theirs.weights)


def test_a_batch_is_no_larger_than_its_bound_and_padding_counts_nothing(tokenizer: Any) -> None:
    for batch in batches(Practice(tokenizer, 0), 20):
        assert batch.ids.numel() <= BATCH_TOKENS
        assert bool((batch.weights[batch.ids == tokenizer.pad_token_id] == 0).all())
        assert 0 < batch.tokens <= batch.ids.numel()


@pytest.mark.parametrize(
    ("budget", "spent"),
    [(Budget(100), 0.5), (Budget(100, seconds=40.0), 0.75), (Budget(100, seconds=1000.0), 0.5)],
)
def test_the_tighter_bound_of_a_budget_counts(budget: Budget, spent: float) -> None:
    assert budget.spent(tokens=50, seconds=30.0) == spent


def test_a_model_that_cannot_copy_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(NoCopying, match=r"repeats 0% of the lists of codes, wanted 80%"):
        check_copying(new_model(tokenizer, SMALL).eval(), tokenizer)
    with pytest.raises(NoCopying, match=r"none of the seeds 3, 4 learned to copy"):
        build(tmp_path / "model", [3, 4], Budget(tokens=2_000), SMALL)
    assert not (tmp_path / "model").exists()

# pyright: standard
"""Every objective learns for two steps on every kind of model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.rows.masks import NothingToLearn
from tests.levers.training.conftest import Folders
from tests.levers.training.models import KINDS
from tests.levers.training.world import build, order, pairs, rows, rows_of, write

OBJECTIVES: dict[str, dict[str, Any]] = {
    "sft": {"lever": "sft"},
    "sft full": {"lever": "sft", "method": {"kind": "full"}},
    "sft qlora": {"lever": "sft", "method": {"kind": "qlora"}},
    "sft wsd": {"lever": "sft", "schedule": "wsd"},
    "dpo": {"lever": "dpo"},
    "dpo full": {"lever": "dpo", "method": {"kind": "full"}},
    "minimal": {"lever": "dpo", "pairs": "minimal"},
    "ipo": {"lever": "dpo", "loss": "ipo"},
    "orpo": {"lever": "dpo", "loss": "orpo"},
    "simpo": {"lever": "dpo", "loss": "simpo"},
    "kto": {"lever": "kto"},
    "reward": {"lever": "reward"},
    "pretrain": {"lever": "pretrain", "method": {"kind": "full"}},
}
EVERYWHERE = ("sft", "dpo", "orpo", "simpo", "kto", "reward", "pretrain")
CASES = [
    *((name, "tiny") for name in OBJECTIVES),
    *((name, kind) for name in EVERYWHERE for kind in KINDS),
]


class Losses(TrainerCallback):
    """Keeps the loss of each step."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "loss" in logs:
            self.found.append(logs["loss"])


def train(folder: Path, model: str, **fields: Any) -> list[float]:
    """The losses of two steps; something must have been learnt from them."""
    made = order(folder, model=model, learning_rate=1e-2, warmup=0, **fields)
    config, losses = made.config, Losses()
    with quiet():
        scores = config.lever == "reward"
        base = open_base(config.model, config.method, 0, scores=scores)
        learning = ((n, p) for n, p in base.model.named_parameters() if p.requires_grad)
        before = {name: parameter.detach().clone() for name, parameter in learning}
        trainer = build(base, made, rows_of(config), folder / "job", [losses])
        trainer.args.save_strategy = "no"
        trainer.train()
    after = dict(trainer.model.named_parameters())
    assert any(not before[name].equal(after[name]) for name in before)
    return losses.found


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_an_objective_learns(tmp_path: Path, kinds: Folders, name: str, kind: str) -> None:
    model = "tiny" if kind == "tiny" else str(kinds(kind))
    losses = train(tmp_path, model, **OBJECTIVES[name])
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)


def test_kto_wants_good_and_bad_answers(tmp_path: Path) -> None:
    lines = [{"prompt": r["ask"], "completion": r["gold"], "label": True} for r in rows(12)]
    path = write(tmp_path / "good.jsonl", lines)
    with pytest.raises(NothingToLearn, match=r"all labels are \{True\}"):
        train(tmp_path, "tiny", lever="kto", data=path)


def test_answers_that_do_not_fit_are_no_pairs(tmp_path: Path) -> None:
    path = pairs(tmp_path / "pairs.jsonl")
    with pytest.raises(NothingToLearn, match=r"no pair of answers differs within max_length .8"):
        train(tmp_path, "tiny", lever="dpo", data=path, max_length=8)


def test_an_adapter_that_learnt_is_compared_with_as_it_was(tmp_path: Path, kinds: Folders) -> None:
    """The reference of a DPO after an SFT is the SFT, not the base of both."""
    base = open_base(str(kinds("llama")), order(tmp_path).config.method, 0)
    for name, parameter in base.model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.5)
    made = order(tmp_path, lever="dpo", model=str(kinds("llama")), sft_weight=0)
    with quiet():
        trainer = build(base, made, rows_of(made.config), tmp_path / "job", [])
        assert "ref" in trainer.model.peft_config
        batch = trainer._prepare_inputs(trainer.data_collator([trainer.train_dataset[0]]))
        loss = trainer.compute_loss(trainer.model, batch)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-5)

# pyright: standard
"""The model that a training starts from: every method, and folders that are not whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.methods.full import Full
from flywheel.levers.training.methods.lora import LoRA
from flywheel.levers.training.methods.qlora import QLoRA
from tests.levers.training.conftest import Folders
from tests.levers.training.models import ENDS

LORA = LoRA(r=4)


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1_000])


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


@pytest.mark.parametrize(
    ("harm", "story"),
    [
        (without_weights, r"is not complete: model\.safetensors is missing"),
        (cut_short, r"model\.safetensors is not complete: it has [\d,]+ bytes, and its header"),
        (without_config, r"holds no model: it has no config\.json"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(
    tmp_path: Path, kinds: Folders, harm: Callable[[Path], None], story: str
) -> None:
    folder = shutil.copytree(kinds("qwen3"), tmp_path / "half")
    harm(folder)
    with pytest.raises(BadOption, match=story):
        open_base(str(folder), LORA, 0)


def test_a_model_that_does_not_know_its_padding_is_refused(tmp_path: Path, kinds: Folders) -> None:
    from transformers import AutoTokenizer

    folder = shutil.copytree(kinds("qwen3"), tmp_path / "padded")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<{number}>" for number in range(500)])
    tokenizer.add_special_tokens({"pad_token": "<|nothing|>"})
    tokenizer.save_pretrained(folder)
    with pytest.raises(BadOption, match=r"its tokenizer pads with '<\|nothing\|>', token"):
        open_base(str(folder), LORA, 0)


def test_modules_that_are_not_there_are_refused(kinds: Folders) -> None:
    with pytest.raises(BadOption, match="cannot be trained here: Target modules"):
        open_base(str(kinds("qwen3")), LoRA(targets=("nowhere",)), 0)


@pytest.mark.parametrize("kind", ENDS)
def test_a_model_knows_the_token_that_ends_its_answers(kinds: Folders, kind: str) -> None:
    base = open_base(str(kinds(kind)), LORA, 0)
    ends = base.model.generation_config.eos_token_id
    assert base.tokenizer.convert_tokens_to_ids(ENDS[kind]) in ends


def test_the_method_says_what_is_trained(kinds: Folders) -> None:
    name = str(kinds("llama"))
    full, lora, qlora = (open_base(name, method, 0) for method in (Full(), LoRA(r=4), QLoRA(r=4)))
    assert full.trainable > lora.trainable == qlora.trainable
    assert full.trainable == full.parameters == lora.parameters - lora.trainable
    assert qlora.parameters == lora.parameters
    assert qlora.model.get_base_model().is_loaded_in_4bit


def test_the_seed_decides_how_an_adapter_begins(kinds: Folders) -> None:
    import torch

    def first(seed: int) -> torch.Tensor:
        model = open_base(str(kinds("llama")), LORA, seed).model
        return next(p for name, p in model.named_parameters() if "lora_A" in name)

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))

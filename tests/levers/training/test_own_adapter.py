# pyright: standard
"""A model that is an adapter is trained on as it is, and an order says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.levers.training.config import Method, TrainConfig
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.methods.own_adapter import with_own_adapter
from tests.levers.training.conftest import Folders


@pytest.fixture(scope="module")
def adapter(kinds: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of rank 4 on two kinds of modules."""
    method = Method(r=4, alpha=8, targets=("v_proj", "q_proj"))
    folder = tmp_path_factory.mktemp("adapter")
    open_base(str(kinds("llama")), method, 0).model.save_pretrained(folder)
    return folder


def config(adapter: Path, **method: Any) -> TrainConfig:
    return TrainConfig(lever="sft", evalset="e", model=str(adapter), method=Method(**method))


def test_an_order_records_what_the_adapter_has(adapter: Path) -> None:
    own = {"r": 4, "alpha": 8, "targets": ("q_proj", "v_proj")}
    for asked in ({}, {"r": 4}, own):
        found = with_own_adapter(config(adapter, **asked), adapter)
        assert found.method == Method(kind="lora", **own)
    base = open_base(str(adapter), Method(), 0)
    assert base.model.peft_config["default"].r == 4
    assert with_own_adapter(config(adapter, kind="full", r=3), adapter).method.r == 3


@pytest.mark.parametrize(
    ("asked", "story"),
    [
        ({"r": 8}, "method.r is 8, and the model '.*' is an adapter with 4"),
        ({"dropout": 0.5}, "method.dropout is 0.5"),
        ({"targets": ("q_proj",)}, "with .'q_proj', 'v_proj'., which is trained on"),
    ],
)
def test_other_settings_are_refused(adapter: Path, asked: dict[str, Any], story: str) -> None:
    with pytest.raises(BadOption, match=story):
        with_own_adapter(config(adapter, **asked), adapter)


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "of the kind 'PROMPT_TUNING' cannot be trained on"),
        ({"peft_type": "LORA", "r": "many"}, "no config of a LoRA adapter"),
    ],
)
def test_an_adapter_of_another_kind_is_refused(
    tmp_path: Path, fields: dict[str, Any], story: str
) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(fields))
    with pytest.raises(BadOption, match=story):
        with_own_adapter(config(tmp_path), tmp_path)


def test_full_training_learns_all_weights_of_a_merged_adapter(adapter: Path) -> None:
    model = open_base(str(adapter), Method(kind="full"), 0).model
    assert not [name for name, p in model.named_parameters() if "lora" in name]
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"target_modules": ["q_proj"]}, "0 weights are missing and [0-9]+ are too many"),
        ({"use_dora": True}, "[1-9][0-9]* weights are missing and 0 are too many"),
        ({"modules_to_save": ["lm_head"]}, "cannot be trained here|do not belong together"),
    ],
)
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_config_that_its_weights_do_not_fit_is_refused(
    adapter: Path, tmp_path: Path, fields: dict[str, Any], story: str, kind: Any
) -> None:
    edited = Path(shutil.copytree(adapter, tmp_path / "edited"))
    path = edited / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    with pytest.raises(BadOption, match=story):
        open_base(str(edited), Method(kind=kind), 0)

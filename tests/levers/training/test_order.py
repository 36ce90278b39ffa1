"""Orders: JSON both ways, and what may not change while a training is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile
from flywheel.levers.training.orders.order import ChangedOrder, load_order
from tests.levers.training.conftest import Folders
from tests.levers.training.world import order, pairs


def add_rows(folder: Path) -> None:
    pairs(folder / "dpo.jsonl", 13)


def change_prompt(folder: Path) -> None:
    path = folder / "parcels" / "evalset.yaml"
    path.write_text(path.read_text().replace("Answer in JSON.", "Answer briefly."))


def change_dev(folder: Path) -> None:
    with (folder / "parcels" / "dev.jsonl").open("a") as file:
        file.write('{"id": "new", "ask": "which?", "gold": "red"}\n')


def test_an_order_is_json_both_ways(tmp_path: Path) -> None:
    made = order(tmp_path, lever="dpo")
    made.save(tmp_path / "job")
    assert load_order(tmp_path / "job") == made
    assert (made.rows, made.numbers.steps) == (12, 2)
    made.check_unchanged()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (add_rows, "because the training data changed"),
        (change_prompt, "because the evalset, the prompt changed"),
        (change_dev, "because the dev split changed"),
    ],
)
def test_what_changed_meanwhile_is_named(
    tmp_path: Path, change: Callable[[Path], None], named: str
) -> None:
    made = order(tmp_path, lever="dpo")
    change(tmp_path)
    with pytest.raises(ChangedOrder, match=named):
        made.check_unchanged()


def test_another_base_model_is_named(tmp_path: Path, kinds: Folders) -> None:
    import shutil

    model = shutil.copytree(kinds("llama"), tmp_path / "model")
    made = order(tmp_path, model=str(model))
    (model / "generation_config.json").write_text("{}")
    with pytest.raises(ChangedOrder, match="because the base model changed"):
        made.check_unchanged()


OF_ALL_LEVERS: dict[str, Any] = {
    "pairs": None,
    "loss": None,
    "beta": "auto",
    "sft_weight": "auto",
    "reward": [],
    "reward_weights": [],
    "unchecked": False,
    "aggregate": "sum_then_normalize",
    "group_size": 8,
    "max_completion_tokens": "auto",
    "temperature": 1.0,
    "kl": 0.0,
    "compute_multiplier": "auto",
    "reasoning_effort": "default",
    "response_format": None,
}
LORA = {"kind": "lora", "r": 16, "alpha": 32, "dropout": 0.0, "targets": "all-linear"}


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ({"lever": "sft"}, {}),
        ({"lever": "sft", "method": {"kind": "full"}}, {}),
        ({"lever": "dpo", "pairs": "minimal"}, {"beta": 0.1, "sft_weight": 0.1}),
        ({"lever": "rft"}, {"max_completion_tokens": 8, "compute_multiplier": 1.0}),
    ],
)
def test_a_job_that_the_first_edition_paused_resumes(
    tmp_path: Path, fields: dict[str, Any], own: dict[str, float]
) -> None:
    """Its order has every setting of every lever, and its numbers are in one row."""
    made = order(tmp_path, **fields)
    now = json.loads(made.text)
    others = {"beta": 0.1, "sft_weight": 0.0, "max_completion_tokens": 8, "compute_multiplier": 1.0}
    assert now["numbers"].pop("own") == own
    then: dict[str, Any] = {
        **now,
        "config": {**OF_ALL_LEVERS, **now["config"]},
        "numbers": {**now["numbers"], **others, **own},
    }
    then["config"]["method"] = {**LORA, **now["config"]["method"]}
    del then["budget"]
    job = tmp_path / "job"
    job.mkdir()
    (job / "order.json").write_text(json.dumps(then))
    found = load_order(job)
    assert found == made
    found.check_unchanged()


def test_an_order_of_another_version_is_no_riddle(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"config": {}}')
    with pytest.raises(BadFile, match=r"order\.json: config: .* 'lever'; start"):
        load_order(tmp_path)

"""Orders: JSON both ways, and what may not change while a training is stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel.errors import BadFile
from flywheel.levers.training.order import ChangedOrder, load_order
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
        (add_rows, "for the training data changed"),
        (change_prompt, "for the evalset, the prompt changed"),
        (change_dev, "for the dev split changed"),
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
    with pytest.raises(ChangedOrder, match="for the base model changed"):
        made.check_unchanged()


def test_an_order_of_another_version_is_no_riddle(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"config": {}}')
    with pytest.raises(BadFile, match=r"order\.json: config\.lever: Field required; start"):
        load_order(tmp_path)

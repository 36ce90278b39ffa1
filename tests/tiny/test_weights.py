# pyright: standard
"""The model that is shipped: whole, within its band, and worse when it is asked vaguely."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from flywheel.tiny.exam import EVALSETS, VAGUE, Exam, Score, check_copying
from flywheel.tiny.weights import SHIPPED, BrokenWeights, tiny_folder, verify


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(tiny_folder()).eval()
    return model, AutoTokenizer.from_pretrained(tiny_folder())


def test_the_shipped_files_are_the_built_ones_and_small() -> None:
    assert tiny_folder() == SHIPPED
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 5_000_000


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_corrupted_copy_is_refused(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "weights"
    shutil.copytree(SHIPPED, copy)
    verify(copy)
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BrokenWeights, match=rf"{name} does not match CHECKSUM"):
        verify(copy)


def test_a_missing_file_a_new_one_and_no_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenWeights, match="no CHECKSUM to verify"):
        verify(tmp_path)
    copy = tmp_path / "weights"
    shutil.copytree(SHIPPED, copy)
    (copy / "config.json").rename(copy / "other.json")
    with pytest.raises(BrokenWeights, match=r"config\.json, other\.json does not match"):
        verify(copy)


def test_it_copies(shipped: tuple[Any, Any]) -> None:
    assert check_copying(*shipped) > 0.9


def test_triage_is_within_its_band_and_the_vague_prompt_below(shipped: tuple[Any, Any]) -> None:
    exam = Exam("ticket_triage")
    items = exam.items("dev", most=100)
    plain = exam.score(*shipped, items)
    vague = exam.score(*shipped, items, system=VAGUE)
    assert 0.30 <= plain["exact"].mean <= 0.60
    assert plain["valid_json"].mean > 0.95
    assert vague["exact"].mean < plain["exact"].mean - 0.12


@pytest.mark.parametrize("name", [name for name in EVALSETS if name != "ticket_triage"])
def test_the_other_evalsets_are_neither_hopeless_nor_solved(
    name: str, shipped: tuple[Any, Any]
) -> None:
    exam = Exam(name)
    score = exam.score(*shipped, exam.items("dev", most=60))[exam.primary]
    assert 0.1 < score.mean < 0.95


def test_a_score_knows_how_far_items_and_wordings_may_mislead() -> None:
    score = Score((1.0, 1.0, 1.0, 0.0, 0.0, 0.0), ("a", "a", "a", "b", "b", "c"))
    over_items, over_wordings = score.interval(), score.over_wordings()
    assert score.mean == over_items.mean == over_wordings.mean == 0.5
    assert over_items.low == pytest.approx(0.118, abs=0.001)  # Clopper and Pearson's for 3 of 6
    assert over_wordings.low is None, "three wordings are too few"

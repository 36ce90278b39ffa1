"""The base of an adapter: looked up once, for loading, training and digests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.models.adapters import Weights, base_of, weights_of
from flywheel.models.digest import content_digest


def adapter(folder: Path, base: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    return folder


def model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def test_a_base_is_found_beside_its_adapter(tmp_path: Path) -> None:
    base, made = (
        model(tmp_path / "made" / "base"),
        adapter(tmp_path / "made" / "adapter", "../base"),
    )
    found = weights_of(made)
    assert (found.base.resolve(), found.adapter) == (base, made)
    assert weights_of(base) == Weights(base, None)


def test_the_digest_of_an_adapter_has_its_base_in_it(tmp_path: Path) -> None:
    base = model(tmp_path / "base")
    made = adapter(tmp_path / "adapter", str(base))
    before = content_digest(str(made))
    (base / "config.json").write_text('{"layers": 2}')
    assert content_digest(str(made)) != before


@pytest.mark.parametrize(
    ("base", "story"),
    [
        (None, "names no base model; set base_model_name_or_path"),
        (["a"], "base_model_name_or_path is no text"),
        ("a\0b", "base_model_name_or_path is no text"),
        ("../other", "is an adapter itself"),
    ],
)
def test_a_base_that_cannot_be_is_refused(tmp_path: Path, base: Any, story: str) -> None:
    adapter(tmp_path / "other", "x")
    with pytest.raises(BadOption, match=story):
        base_of(adapter(tmp_path / "made", base))


def test_a_base_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no model 'nobody/nowhere' on this machine"):
        weights_of(adapter(tmp_path / "made", "nobody/nowhere"))

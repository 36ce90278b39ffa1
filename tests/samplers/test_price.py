"""Prices: the user's own table, the longest name that fits, and every fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel.errors import BadFile
from flywheel.samplers.price import load_prices
from graders.ungraded import Usage


def test_prices_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("gpt: {input: 1, output: 2}\ngpt-big: {input: 10, output: 20, cached: 5}\n")
    prices = load_prices(path)
    million = Usage(1_000_000, 1_000_000, 500_000)
    assert prices.price("gpt-small", million) == 3.0
    assert prices.price("gpt-big-2", million) == 5 + 2.5 + 20
    assert prices.price("other", million) is None


def test_a_bad_price_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("gpt: {input: -1, output: 2}\n")
    with pytest.raises(BadFile, match=r"prices\.yaml:1:7: gpt\.input"):
        load_prices(path)

"""The progress bar: silent in a pipe; on a terminal it tells rate, time left and cost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flywheel.cli.terminal.progress import pace
from tests.cli.terminal import on_a_terminal
from tests.evals.world import write_evalset
from tests.samplers.mock_server import MockServer


@pytest.mark.parametrize(
    ("rate", "cost", "shown"),
    [
        (None, None, ""),
        (1234.5, None, "1,234 samples/s"),
        (2.25, 0.01234, "2.2 samples/s  $0.0123"),
        (None, 0.0, "$0.0000"),
    ],
)
def test_what_is_known_is_told(rate: float | None, cost: float | None, shown: str) -> None:
    assert pace(rate, "samples", cost) == shown


def test_a_run_shows_rate_time_left_and_cost(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "numbers", items=300)
    prices = tmp_path / "prices.yaml"
    prices.write_text('"": {input: 100, output: 100}\n')
    with MockServer(latency=0.1) as server:
        model = ["-m", f"{server.url}#echo", "--in-flight", 8, "--prices", prices]
        done = on_a_terminal("eval", folder, *model, cwd=tmp_path, columns=100)
    assert done.code == 0, done.raw
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.raw)
    assert re.search(r"numbers dev .*\d+/300 0:00:\d\d [\d.]+ samples/s  \$0\.\d{4}", shown)

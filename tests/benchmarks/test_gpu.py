"""The benchmark of a GPU: tried in toy size, alone and with flywheel; no GPU, no figures."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.records import Record

pytestmark = pytest.mark.wide

FILE = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
PARTS = [
    "sft lora",
    "sft full, checkpointing",
    "grpo lora, 2 prompts x 4 answers of 8 tokens",
    "eval, 2 at once",
    "eval, 4 at once",
    "sft lora, checkpointing",
    "sft full",
    "sft qlora",
    "sft qlora, checkpointing",
]
# Runs a file as if some packages were not installed.
ALONE = """
import runpy, sys
hidden, sys.argv = sys.argv[1].split(","), sys.argv[2:]
sys.modules.update(dict.fromkeys(hidden))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(line: dict[str, Any]) -> list[float]:
    """Every number that was measured, and those by size and by batch."""
    inner = [*line.get("tried", {}).values(), *line.get("by_size", {}).values()]
    return [value for value in (*line.values(), *inner) if isinstance(value, float | int)]


def test_every_part_is_measured_by_flywheel(tmp_path: Path) -> None:
    out = tmp_path / "gpu.jsonl"
    done = run(FILE, "--tiny", "--out", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == out.read_text()
    card, told = lines(out)[:3], lines(out)[3:]
    assert [line["figure"] for line in card] == [
        *("bf16 products", "copy, read and written", "memory")
    ]
    assert [line["figure"] for line in told] == [f"tiny {part}" for part in PARTS]
    for line in (*card, *told):
        assert line["value"] > 0
        assert all(math.isfinite(number) and number >= 0 for number in figures(line))
    assert {line["how"] for line in told} == {"flywheel"}
    for line in told:
        wanted = {"matrix_share", "bandwidth_share", "generating"} & line.keys()
        assert wanted and all(line[name] > 0 for name in wanted)
    record = Record("other", tmp_path)
    record.add("x", 1, "s")
    assert lines(tmp_path / "other.jsonl")[0].keys() <= told[0].keys()


def test_the_file_stands_alone_and_says_what_it_left_out(tmp_path: Path) -> None:
    alone, out = tmp_path / "empty" / "gpu.py", tmp_path / "gpu.jsonl"
    alone.parent.mkdir()
    alone.write_bytes(FILE.read_bytes())
    hidden = "flywheel,graders,trl,peft,bitsandbytes,datasets,pydantic,duckdb"
    done = run("-I", "-c", ALONE, hidden, alone, "--tiny", "--out", out, cwd=alone.parent)
    assert done.returncode == 0, done.stderr
    told = lines(out)[3:]
    assert [line["figure"] for line in told] == [f"tiny {part}" for part in PARTS]
    for line in told:
        assert "flywheel" in line["why"]
        if "qlora" in line["figure"]:
            assert "bitsandbytes" in line["and_why"] and line["left_out"]
        else:
            assert line["how"] == "plain" and line["value"] > 0


def test_without_a_gpu_nothing_is_measured_nor_kept(tmp_path: Path) -> None:
    out = tmp_path / "gpu.jsonl"
    done = run(FILE, "--out", out, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == ("no GPU here, so nothing is measured; --tiny tries all on the CPU\n")
    assert done.stdout == "" and not out.exists()


def test_a_trial_is_not_kept_among_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gpu.main(["--tiny", "--out", str(FILE.parent / "results" / "gpu.jsonl")])
    assert "--tiny measures nothing, so it is not kept in" in capsys.readouterr().err

"""The evalsets that ship: the files are what their scripts write."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from flywheel.evals.evalset import Split, shipped

ROOT = Path(__file__).parents[2] / "evalsets"
NAMES = shipped()
SPLITS: tuple[Split, ...] = get_args(Split)


def makes(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"make_{name}", ROOT / name / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_what_make_writes(name: str, tmp_path: Path) -> None:
    makes(name).main(tmp_path)
    for split in SPLITS:
        file = f"{split}.jsonl"
        assert (tmp_path / file).read_bytes() == (ROOT / name / file).read_bytes()
        assert (tmp_path / file).stat().st_size < 500_000


def test_a_script_can_be_run_from_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    make = folder / "make.py"
    make.write_bytes((ROOT / "policy_qa" / "make.py").read_bytes())
    subprocess.run([sys.executable, make], cwd=tmp_path, check=True, timeout=60)
    assert (folder / "dev.jsonl").read_bytes() == (ROOT / "policy_qa/dev.jsonl").read_bytes()

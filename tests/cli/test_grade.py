"""flywheel grade, from the outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import EXECUTABLE, flywheel

CHECK = {
    "type": "string_check",
    "name": "same",
    "operation": "eq",
    "reference": "{{ item.gold }}",
}
JUDGE = {"type": "score_model", "model": "j", "input": [{"role": "user", "content": "?"}]}


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_one_sample_prints_the_wires_response(tmp_path: Path) -> None:
    grader, item = write(tmp_path / "g.json", CHECK), write(tmp_path / "i.json", {"gold": "a"})
    done = flywheel("grade", grader, "--item", item, "--sample", "a")
    assert (done.returncode, done.stderr) == (0, "")
    body = json.loads(done.stdout)
    assert body["reward"] == 1.0
    assert len(body["metadata"]["errors"]) == 14


def test_a_file_is_graded_as_far_as_its_budget_goes(tmp_path: Path) -> None:
    write(tmp_path / "g.json", {**JUDGE, "name": "g", "range": [0, 1]})
    write(tmp_path / "judge.jsonl", '{"when": "", "text": "{\\"result\\": 0.5}"}\n')
    write(tmp_path / "prices.yaml", "scripted: {input: 10000, output: 10000}\n")
    write(tmp_path / "rows.jsonl", '{"item": {}, "sample": "x"}\n' * 100)
    words = ["g.json", "--items", "rows.jsonl", "--out", "out.jsonl", "--judge", "judge.jsonl"]
    done = flywheel("grade", *words, "--max-cost", "0.5", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "max_cost needs to know what tokens cost; give a price file with --prices" in done.stderr
    done = flywheel("grade", *words, "--max-cost", "0.5", "--prices", "prices.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "of max_cost $0.5 is spent; out.jsonl has 32 verdicts, its other rows" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["score"] for row in rows] == [0.5] * 32 + [None] * 68
    assert rows[-1]["error"]["label"] == "max_cost"


def test_a_missing_variable_is_a_flag_and_its_reason_a_line(tmp_path: Path) -> None:
    grader, item = write(tmp_path / "g.json", CHECK), write(tmp_path / "i.json", {"id": "a"})
    done = flywheel("grade", grader, "--item", item, "--sample", "a")
    body = json.loads(done.stdout)
    assert (body["reward"], body["metadata"]["errors"]["invalid_variable_error"]) == (0.0, True)
    assert done.stderr == (
        "No verdict (invalid_variable_error): line 1: no item.gold to fill in; have id\n"
    )


@pytest.mark.parametrize(
    "grader",
    [
        CHECK,
        {"type": "multi", "graders": {"a": CHECK}, "calculate_output": "a"},
        {**CHECK, "input": "{{ item.x }}", "reference": "x"},
    ],
)
def test_a_forgotten_item_is_an_error_of_the_command(tmp_path: Path, grader: Any) -> None:
    done = flywheel("grade", write(tmp_path / "g.json", grader), "--sample", "a")
    assert (done.returncode, done.stdout) == (1, "")
    assert "uses the item: pass --item FILE" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_source_that_reads_the_item_says_that_none_was_given(tmp_path: Path) -> None:
    source = {"type": "python", "source": "def grade(sample, item): return item['gold']"}
    done = flywheel("grade", write(tmp_path / "g.json", source), "--sample", "a")
    assert json.loads(done.stdout)["reward"] == 0.0
    assert "KeyError: 'gold'; no --item was given" in done.stderr


RATED = {
    "type": "reward_model",
    "model": "models/none",
    "input": [{"role": "user", "content": "?"}],
}
COSINE = {**CHECK, "type": "text_similarity", "evaluation_metric": "cosine", "reference": "x"}
del COSINE["operation"]


@pytest.mark.parametrize(
    ("grader", "story"),
    [
        (JUDGE, "the grader 'score_model' needs a judge; name one with --judge"),
        (
            {"type": "multi", "graders": {"a": CHECK, "b": JUDGE}, "calculate_output": "a * b"},
            "the grader 'multi' needs a judge",
        ),
        (RATED, "the grader 'reward_model' needs a reward model: no model 'models/none'"),
    ],
)
def test_what_a_grader_needs_is_missed_before_anything_is_graded(
    tmp_path: Path, grader: Any, story: str
) -> None:
    path = write(tmp_path / "g.json", grader)
    rows = write(tmp_path / "r.jsonl", '{"item": {"gold": "a"}, "sample": "a"}\n')
    for options in (("--sample", "a"), ("--items", rows, "--out", tmp_path / "o.jsonl")):
        done = flywheel("grade", path, *options, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert story in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("nobody", "no model 'nobody'; wanted scripted:FILE"),
        ("empty", "the folder 'empty' holds no model"),
        ("http://127.0.0.1:9/v1#m", "No verdict (model_grader_server_error)"),
    ],
)
def test_a_judge_is_named_like_a_model(tmp_path: Path, name: str, story: str) -> None:
    (tmp_path / "empty").mkdir()
    grader = write(tmp_path / "g.json", JUDGE)
    done = flywheel("grade", grader, "--sample", "x", "--judge", name, cwd=tmp_path)
    assert story in done.stderr


def test_a_judge_may_be_a_script_by_its_bare_name_or_a_model_that_ships(tmp_path: Path) -> None:
    judge = write(tmp_path / "j.jsonl", '{"when": "", "text": "{\\"result\\": 0.25}"}\n')
    grader = write(tmp_path / "g.json", JUDGE)
    for name in (judge, f"scripted:{judge}"):
        done = flywheel("grade", grader, "--sample", "x", "--judge", name)
        assert json.loads(done.stdout)["reward"] == 0.25
    done = flywheel("grade", grader, "--sample", "x", "--judge", "tiny")
    assert (done.returncode, json.loads(done.stdout)["metadata"]["name"]) == (0, "score_model")


def test_a_scripted_judge_answers_and_its_tokens_are_told(tmp_path: Path) -> None:
    judge = write(tmp_path / "j.jsonl", '"{\\"result\\": 0.25}"\n')
    grader = write(tmp_path / "g.json", JUDGE)
    body = json.loads(flywheel("grade", grader, "--sample", "x", "--judge", judge).stdout)
    assert body["reward"] == 0.25
    assert body["metadata"]["sampled_model_name"] == "scripted"
    assert body["metadata"]["token_usage"]["total_tokens"] > 0


def test_a_file_prints_a_summary_as_json(tmp_path: Path) -> None:
    grader = write(tmp_path / "g.json", CHECK)
    rows = write(tmp_path / "r.jsonl", '{"item": {"gold": "a"}, "sample": "a"}\n' * 3)
    out = tmp_path / "out.jsonl"
    done = flywheel("grade", grader, "--items", rows, "--out", out, "--json")
    assert json.loads(done.stdout)["mean"] == 1.0
    assert len(out.read_text().splitlines()) == 3


def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    grader = write(tmp_path / "g.json", CHECK)
    rows = write(tmp_path / "r.jsonl", '{"item": {"gold": "a"}, "sample": "a"}\n')
    out = write(tmp_path / "out.jsonl", "mine")
    done = flywheel("grade", grader, "--items", rows, "--out", out)
    assert (done.returncode, out.read_text()) == (1, "mine")
    assert "pass --overwrite" in done.stderr
    assert flywheel("grade", grader, "--items", rows, "--out", out, "--overwrite").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["g.json"], "give --sample TEXT, or --items"),
        (["g.json", "--sample", "a", "--items", "r.jsonl"], "give --sample TEXT, or --items"),
        (["g.json", "--items", "r.jsonl"], "with --out GRADES.jsonl"),
        (["none.json", "--sample", "a"], "none.json: cannot be read: No such file"),
        (["bad.json", "--sample", "a"], "bad.json:1:2: not JSON"),
        (["g.json", "--item", "list.json", "--sample", "a"], "list.json:1:1: Input should be"),
        (["g.json", "--sample", "a", "--judge", "list.json"], "list.json:1:1: not a rule"),
        (["g.json", "--items", "rows.jsonl", "--out", "o"], "rows.jsonl:2:1: a row is"),
        (["g.json", "--item", "g.json", "--items", "good.jsonl", "--out", "o"], "--item is for"),
        (["g.json", "--items", ".", "--out", "o"], "wanted a file; it is read twice"),
        (["g.json", "--items", "good.jsonl", "--out", "fifo", "--overwrite"], "this is none"),
        (["g.json", "--items", "good.jsonl", "--out", "link", "--overwrite"], "would replace"),
        (["g.json", "--items", "gone.jsonl", "--out", "o"], "gone.jsonl: cannot be read"),
        (["g.json", "--items", "rows.jsonl", "--out", "no/o"], "rows.jsonl:2:1"),
        (["g.json", "--items", "good.jsonl", "--out", "no/o"], "no/o: cannot be written"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    tmp_path: Path, arguments: list[str], story: str
) -> None:
    write(tmp_path / "g.json", CHECK)
    write(tmp_path / "bad.json", "{bad")
    write(tmp_path / "list.json", "[1]")
    write(tmp_path / "rows.jsonl", '{"item": {}, "sample": "a"}\n[1]\n')
    write(tmp_path / "good.jsonl", '{"item": {}, "sample": "a"}\n')
    (tmp_path / "link").symlink_to("good.jsonl")
    os.mkfifo(tmp_path / "fifo")
    before = sorted(tmp_path.iterdir())
    done = flywheel("grade", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert story in done.stderr


def test_a_definition_comes_through_a_pipe_too() -> None:
    line = f"{EXECUTABLE} grade <(echo '{json.dumps({**CHECK, 'reference': 'x'})}') --sample x"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["metadata"]["name"] == "same"


def test_half_of_a_surrogate_pair_is_refused_with_its_place(tmp_path: Path) -> None:
    grader = tmp_path / "g.json"
    grader.write_text(
        '{"type": "string_check", "name": "\\ud800", "operation": "eq", "reference": "x"}'
    )
    done = flywheel("grade", grader, "--sample", "x")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "g.json:1:34: half of a surrogate pair is no character; remove it\n"
    )


def test_ctrl_c_ends_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    grader = write(tmp_path / "g.json", {**CHECK, "extract": "number", "reference": "1"})
    rows = write(tmp_path / "r.jsonl", '{"item": {}, "sample": "the number 12 and 13"}\n' * 400_000)
    before = sorted(tmp_path.iterdir())
    command = [str(EXECUTABLE), "grade", grader, "--items", rows, "--out", tmp_path / "o"]
    running = subprocess.Popen(
        [*command, "--workers", "2"], stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while sorted(tmp_path.iterdir()) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1)  # the workers are at it
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=300)
    assert running.returncode == 130
    assert sorted(tmp_path.iterdir()) == before

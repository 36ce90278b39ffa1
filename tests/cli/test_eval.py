"""flywheel eval, baseline, runs, show and regrade, from the outside and on real sockets."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flywheel.store.store import open_store
from tests.cli.command import EXECUTABLE, flywheel
from tests.evals.world import write_evalset
from tests.samplers.mock_server import MockServer

JUDGED = """
type: score_model
name: liked
model: judge
range: [0, 1]
input: [{role: user, content: "Do you like {{ sample.output_text }}?"}]
"""
VERDICT = json.dumps({"when": "", "text": json.dumps({"steps": [], "result": 1.0})})
KILLS = int(os.environ.get("FLYWHEEL_KILLS", "6"))


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    """A model that says its prompt back, 20 ms later."""
    with MockServer(latency=0.02) as running:
        yield running


@pytest.fixture
def evalset(tmp_path: Path) -> Path:
    """Items whose right answer is their own prompt."""
    prompt = [{"role": "user", "content": "{{ item.gold }}"}]
    return write_evalset(tmp_path / "numbers", items=60, prompt=prompt, tags=["kind"])


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return flywheel(*arguments, cwd=folder)


def read(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_eval_prints_one_object(tmp_path: Path, evalset: Path, server: MockServer) -> None:
    found = read(run(tmp_path, "eval", evalset, "-m", f"{server.url}#echo", "--json"))
    assert {"run", "evalset", "split", "n", "ungraded", "primary", "graders"} <= set(found)
    assert {"seconds", "tokens"} <= set(found)
    assert found["primary"] == {
        "grader": "same",
        "mean": 1.0,
        "low": pytest.approx(0.94, abs=0.01),
        "high": 1.0,
    }
    assert found["graders"]["same"]["n"] == found["n"] == 60


def test_the_commands_fit_together(tmp_path: Path, evalset: Path, server: MockServer) -> None:
    model = f"{server.url}#echo"
    first = read(run(tmp_path, "baseline", evalset, "-m", model, "--json"))
    assert first["kind"] == "baseline"
    again = read(run(tmp_path, "eval", evalset, "-m", model, "--repeats", 2, "--json"))
    assert (again["n"], again["cached"]) == (120, 60)
    listed = read(run(tmp_path, "runs", "--json"))
    assert [row["run"] for row in listed] == [again["run"], first["run"]]
    shown = read(run(tmp_path, "show", first["run"], "--json"))
    assert [part["tag"] for part in shown["slices"]] == ["kind=even", "kind=odd"]
    grader = tmp_path / "g.yaml"
    grader.write_text("{type: string_check, name: one, operation: like, reference: '1'}")
    graded = read(run(tmp_path, "regrade", first["run"], "--graders", grader, "--json"))
    assert graded["primary"]["mean"] == pytest.approx(15 / 60)
    explained = run(tmp_path, "eval", evalset, "-m", f"{server.url}#other", "--explain-cache")
    assert "another model" in explained.stdout
    assert run(tmp_path, "store", "check").returncode == 0
    for command in (["runs"], ["show", first["run"]]):
        assert first["run"] in run(tmp_path, *command).stdout


def test_prices_say_what_a_run_and_its_judge_cost(
    tmp_path: Path, evalset: Path, server: MockServer
) -> None:
    model = f"{server.url}#echo"
    (tmp_path / "prices.yaml").write_text("echo: {input: 1000, output: 1000}\n")
    words = ["-m", model, "--prices", "prices.yaml", "--json"]
    first = read(run(tmp_path, "eval", evalset, *words))
    assert first["price"] == pytest.approx(first["tokens"] / 1000)
    again = read(run(tmp_path, "baseline", evalset, *words))
    assert (again["cached"], again["price"]) == (60, None)
    grader = tmp_path / "g.yaml"
    grader.write_text(JUDGED)
    words = ["--graders", grader, "--judge", "scripted:judge.jsonl", "--prices", "prices.yaml"]
    (tmp_path / "judge.jsonl").write_text(VERDICT)
    done = run(tmp_path, "regrade", first["run"], *words)
    assert "the judge: 60 answers, " in done.stdout
    assert "No price for 'scripted'" in done.stderr
    (tmp_path / "prices.yaml").write_text("scripted: {input: 1000, output: 1000}\n")
    taken = read(run(tmp_path, "regrade", first["run"], *words, "--json"))["judge"]
    assert taken["price"] == pytest.approx(taken["tokens"] / 1000)


def test_prices_that_cannot_be_read_stop_the_command(tmp_path: Path, evalset: Path) -> None:
    (tmp_path / "prices.yaml").write_text("echo: {input: free, output: 1}\n")
    done = run(tmp_path, "eval", evalset, "-m", "scripted:none", "--prices", "prices.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: prices.yaml:1:8: echo.input")
    assert not (tmp_path / "flywheel.duckdb").exists()


def test_ctrl_c_says_how_to_go_on_and_that_works(tmp_path: Path) -> None:
    prompt = [{"role": "user", "content": "{{ item.gold }}"}]
    folder = write_evalset(tmp_path / "many", items=800, prompt=prompt)
    # Ten seconds of waiting in all, so that no machine is done before the key is pressed.
    with MockServer(latency=0.1) as server:
        command = [EXECUTABLE, "eval", folder, "-m", f"{server.url}#echo", "--in-flight", "8"]
        started = subprocess.Popen(
            [str(word) for word in command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        while server.stats()["requests"] < 50 and started.poll() is None:
            time.sleep(0.05)
        started.send_signal(signal.SIGINT)
        _, story = started.communicate(timeout=300)
        assert started.returncode == 130
        assert "Stopped. Resume with: flywheel eval --resume run-" in story
        name = story.split("--resume ")[1].split()[0]
        partly = read(run(tmp_path, "show", name, "--json"))
        assert partly["status"] == "interrupted"
        done = read(run(tmp_path, "eval", folder, "--resume", name, "--in-flight", 64, "--json"))
    assert (done["status"], done["ungraded"], done["primary"]["mean"]) == ("finished", 0, 1.0)


def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, server: MockServer) -> None:
    prompt = [{"role": "user", "content": "{{ item.gold }}"}]
    grader = {"type": "string_check", "name": "same", "operation": "like", "reference": "1"}
    items = 600 * KILLS  # so many that the last kill still falls into the work
    folder = write_evalset(tmp_path / "many", items=items, prompt=prompt, graders=[grader])
    model = ["-m", f"{server.url}#echo", "--in-flight", "16", "--json", "--no-cache"]
    wanted = read(run(tmp_path, "eval", folder, *model, "--db", "calm.duckdb"))
    rng = random.Random(4)
    name, before = None, 0
    for _ in range(KILLS):
        more = [folder, *model] if name is None else [folder, "--resume", name, "--no-cache"]
        words = [EXECUTABLE, "eval", *more, "--in-flight", "16"]
        asked = server.stats()["requests"]
        child = subprocess.Popen([str(w) for w in words], cwd=tmp_path, stdout=subprocess.PIPE)
        if rng.random() < 0.8:
            # Most kills fall into the work, however long this machine takes to start.
            while server.stats()["requests"] == asked and child.poll() is None:
                time.sleep(0.1)
        time.sleep(rng.uniform(0, 2))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if (tmp_path / "flywheel.duckdb").exists():
            with open_store(tmp_path / "flywheel.duckdb") as store:
                runs = store.query('SELECT "run" FROM "runs"')
                kept = store.query('SELECT count(*) AS "n" FROM "samples"')[0]["n"]
            name = runs[0]["run"] if runs else None
            assert kept >= before
            before = kept
    assert name is not None and 0 < before < items
    done = read(run(tmp_path, "eval", folder, "--resume", name, "--json"))
    assert done["primary"] == wanted["primary"]
    assert done["graders"] == wanted["graders"]
    with open_store(tmp_path / "flywheel.duckdb") as store:
        rows = store.query(
            'SELECT count(*) AS "n", count(DISTINCT "item") AS "items" FROM "samples"'
        )
        assert rows == [{"n": items, "items": items}]
        rows = store.query(
            'SELECT count(*) AS "n", count(DISTINCT "item") AS "items" FROM "scores"'
        )
        assert rows == [{"n": items, "items": items}]
    assert run(tmp_path, "store", "check").returncode == 0


@pytest.mark.parametrize(
    ("rules", "errors", "story"),
    [
        (
            [{"when": '"7"', "status": 400}],
            1,
            "1 of 60 requests failed: the endpoint answered 400 Bad Request",
        ),
        ([{"times": 30, "status": 429, "headers": {"Retry-After": "0.2"}}], 0, "60 answers"),
        ([{"times": 10, "status": 500}], 0, "60 answers"),
        ([{"times": 5, "fault": "half"}], 0, "60 answers"),
    ],
)
def test_a_faulty_endpoint(
    tmp_path: Path, evalset: Path, rules: list[Any], errors: int, story: str
) -> None:
    with MockServer(rules) as faulty:
        done = run(tmp_path, "eval", evalset, "-m", f"{faulty.url}#echo")
    assert done.returncode == (4 if errors else 0), done.stderr
    assert story in done.stdout
    with open_store(tmp_path / "flywheel.duckdb") as store:
        failed = store.query('SELECT count("error") AS "n" FROM "samples"')
    assert failed == [{"n": errors}]


def test_an_endpoint_that_is_not_there_is_one_line(tmp_path: Path, evalset: Path) -> None:
    done = run(tmp_path, "eval", evalset, "-m", "http://127.0.0.1:9/v1#echo")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "--resume run-" in done.stderr


def test_a_second_command_reads_and_does_not_write_while_one_measures(
    tmp_path: Path, evalset: Path, server: MockServer
) -> None:
    folder = write_evalset(tmp_path / "many", items=3000)
    words = [EXECUTABLE, "eval", folder, "-m", f"{server.url}#echo", "--in-flight", "4"]
    busy = subprocess.Popen([str(word) for word in words], cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        while not (listed := json.loads(run(tmp_path, "runs", "--json").stdout)):
            time.sleep(0.1)
        assert listed[0]["status"] == "started"
        assert run(tmp_path, "show", "latest").returncode == 0
        done = run(tmp_path, "eval", evalset, "-m", "scripted:none")
        assert done.returncode == 1
        assert f"process {busy.pid}" in done.stderr
    finally:
        busy.send_signal(signal.SIGINT)
        busy.communicate(timeout=300)
    assert run(tmp_path, "runs").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["eval"], "give an EVALSET and a model"),
        (["eval", "numbers"], "give an EVALSET and a model"),
        (["eval", "nope", "-m", "scripted:x"], "no evalset 'nope'"),
        (["eval", "numbers", "-m", "scripted:none"], "none"),
        (["eval", "numbers", "-m", "what is this"], "wanted scripted:FILE"),
        (["eval", "numbers", "-m", "scripted:s", "--split", "all"], "--split is train, dev, test"),
        (["eval", "--resume", "run-x"], "no run 'run-x'"),
        (["show", "run-x"], "no run 'run-x'"),
        (["regrade", "run-x", "--graders", "s"], ""),
    ],
)
def test_an_error_is_one_line(
    tmp_path: Path, evalset: Path, arguments: list[str], story: str
) -> None:
    del evalset
    (tmp_path / "s").write_text('"x"\n')
    done = run(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert story in done.stderr


def test_without_the_judge_that_a_grader_needs_nothing_begins(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "judged", graders=[yaml.safe_load(JUDGED)], primary="liked")
    (tmp_path / "model.jsonl").write_text('{"when": "", "text": "1"}\n')
    named = "the grader 'liked' needs a judge; name one with --judge"
    for words in (("eval", folder), ("baseline", folder)):
        for judge, story in ((), named), (("--judge", "nobody"), "no model 'nobody'"):
            done = run(tmp_path, *words, "-m", "scripted:model.jsonl", *judge)
            assert (done.returncode, done.stdout) == (1, "")
            assert story in done.stderr
    assert read(run(tmp_path, "runs", "--json")) == []


def test_a_regrade_without_its_judge_does_not_begin(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "few", items=3)
    (tmp_path / "model.jsonl").write_text('{"when": "", "text": "1"}\n')
    (tmp_path / "judge.jsonl").write_text(VERDICT + "\n")
    (tmp_path / "liked.yaml").write_text(JUDGED)
    first = read(run(tmp_path, "eval", folder, "-m", "scripted:model.jsonl", "--json"))["run"]
    done = run(tmp_path, "regrade", first, "--graders", "liked.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the grader 'liked' needs a judge" in done.stderr
    assert len(read(run(tmp_path, "runs", "--json"))) == 1
    # A script may be named by its file alone.
    words = ("regrade", first, "--graders", "liked.yaml", "--judge", "judge.jsonl", "--json")
    again = read(run(tmp_path, *words))["run"]
    done = run(tmp_path, "regrade", "--resume", again)
    assert "the grader 'liked' needs a judge" in done.stderr


def test_runs_of_different_judges_do_not_mix(tmp_path: Path) -> None:
    folder = write_evalset(
        tmp_path / "judged", items=4, graders=[yaml.safe_load(JUDGED)], primary="liked"
    )
    (tmp_path / "model.jsonl").write_text('{"when": "", "text": "1"}\n')
    (tmp_path / "kind.jsonl").write_text(VERDICT)
    (tmp_path / "strict.jsonl").write_text(VERDICT.replace("1.0", "0.2"))
    words = ("eval", folder, "-m", "scripted:model.jsonl", "--json", "--judge")
    kind, again, strict = (
        read(run(tmp_path, *words, f"{name}.jsonl"))["run"] for name in ("kind", "kind", "strict")
    )
    assert run(tmp_path, "compare", kind, again).returncode == 0
    story = "graders (liked: another judge)"
    done = run(tmp_path, "compare", kind, strict)
    assert done.returncode == 1 and story in done.stderr
    done = run(tmp_path, "gate", strict, "--baseline", kind)
    assert done.returncode == 3 and story in done.stderr
    done = run(tmp_path, "eval", folder, "--resume", kind, "--judge", "strict.jsonl")
    assert done.returncode == 1 and "because graders changed: liked was " in done.stderr
    (tmp_path / "liked.yaml").write_text(JUDGED)
    graders = ("--graders", "liked.yaml", "--judge", "kind.jsonl", "--json")
    graded = read(run(tmp_path, "regrade", strict, *graders))["run"]
    assert run(tmp_path, "compare", kind, graded).returncode == 0
    done = run(tmp_path, "regrade", "--resume", graded, "--judge", "strict.jsonl")
    assert done.returncode == 1 and "liked was judged by another judge" in done.stderr

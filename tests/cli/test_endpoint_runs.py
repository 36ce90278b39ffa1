"""What a command says of an endpoint that refuses, and that a key is nowhere afterwards."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from flywheel.store.store import open_store
from tests.cli.command import flywheel
from tests.cli.test_eval import JUDGED
from tests.cli.test_regrade import ANSWER
from tests.evals.world import write_evalset
from tests.samplers.mock_server import MockServer

SECRET = "sk-proj-A1b2C3d4E5f6G7h8J9k0L1m2N3p4"


@pytest.fixture
def evalset(tmp_path: Path) -> Path:
    """Four items whose right answer is their own prompt."""
    prompt = [{"role": "user", "content": "{{ item.gold }}"}]
    return write_evalset(tmp_path / "four", items=4, prompt=prompt)


def assert_hidden(folder: Path, *said: str) -> None:
    """The key is in nothing that was said or written, not even a longer part of it."""
    parts = {SECRET[i : i + 8] for i in range(len(SECRET) - 7)}
    written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for text in [*(one.encode() for one in said), *written]:
        assert not [part for part in parts if part.encode() in text]


@pytest.mark.parametrize("echo", [SECRET, SECRET[:20]], ids=["whole", "cut"])
def test_a_bad_key_is_said_once_and_shown_nowhere(tmp_path: Path, evalset: Path, echo: str) -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {echo}."}})
    rule = {"status": 401, "body": body, "headers": {"X-Echo": echo}}
    with MockServer([rule]) as server:
        done = flywheel(
            *("baseline", evalset, "-m", f"{server.url}#m", "--api-key-env", "MY_KEY"),
            cwd=tmp_path,
            MY_KEY=SECRET,
        )
        heads = server.stats()["heads"]
    assert all(f"Authorization: Bearer {SECRET}" in head for head in heads)
    assert done.returncode == 1
    assert "4 of 4 requests failed, and none was answered: the endpoint answered 401" in done.stderr
    assert "Unauthorized: Incorrect API key provided: [the key]. (4" in done.stderr
    with open_store(tmp_path / "flywheel.duckdb") as store:
        assert store.query('SELECT * FROM "baselines"') == []
    shown = flywheel("show", "latest", "--json", cwd=tmp_path)
    found = json.loads(shown.stdout)
    assert (found["status"], found["n"], found["errors"]) == ("failed", 0, 4)
    assert sum(reason["count"] for reason in found["failures"]) == 4
    assert_hidden(tmp_path, done.stderr, done.stdout, shown.stdout)


def test_the_default_keys_of_a_model_and_its_judge(tmp_path: Path, evalset: Path) -> None:
    grader = tmp_path / "liked.yaml"
    grader.write_text(JUDGED)
    with MockServer() as model, MockServer([{"status": 401, "body": "bad key"}]) as judge:
        done = flywheel(
            *("eval", evalset, "-m", f"{model.url}#m", "--json"), cwd=tmp_path, OPENAI_API_KEY="k-1"
        )
        assert done.returncode == 0, done.stderr
        again = flywheel(
            *("regrade", json.loads(done.stdout)["run"], "--graders", grader),
            *("--judge", f"{judge.url}#j", "--judge-api-key-env", "JUDGE_KEY"),
            cwd=tmp_path,
            OPENAI_API_KEY="k-1",
            JUDGE_KEY="k-2",
        )
        assert "Authorization: Bearer k-1" in model.stats()["heads"][0]
        assert "Authorization: Bearer k-2" in judge.stats()["heads"][0]
    assert again.returncode == 4
    assert "4 answers (100%) have no verdict" in again.stdout
    assert "401 Unauthorized: bad key" in again.stdout


def test_what_a_judge_did_not_grade_is_graded_by_the_same_command(tmp_path: Path) -> None:
    grader = yaml.safe_load(JUDGED)
    folder = write_evalset(tmp_path / "e", items=4, graders=[grader], primary=grader["name"])
    rules = [{"status": 401, "times": 1}, {"body": json.dumps(ANSWER)}]
    with MockServer() as model, MockServer(rules) as judge:
        words = ("eval", folder, "-m", f"{model.url}#m", "--judge", f"{judge.url}#j")
        first = flywheel(*words, cwd=tmp_path)
        assert first.returncode == 0, first.stderr
        assert "to grade them again: the same flywheel eval; cached answers" in first.stdout
        again = flywheel(*words, "--json", cwd=tmp_path)
        found = json.loads(again.stdout)
        assert (again.returncode, found["ungraded"], found["cached"]) == (0, 0, 4)
        assert model.stats()["requests"] == 4


def test_a_url_with_a_password_reaches_no_store(tmp_path: Path, evalset: Path) -> None:
    for url in (f"http://me:{SECRET}@127.0.0.1:9/v1#m", f"https://127.0.0.1:9/v1?key={SECRET}#m"):
        done = flywheel("eval", evalset, "-m", url, cwd=tmp_path)
        assert done.returncode == 1
        assert "--api-key-env" in done.stderr
        assert_hidden(tmp_path, done.stderr)


@pytest.mark.parametrize("all_fail", [True, False], ids=["none", "some"])
def test_the_command_that_resumes_a_run_works_as_printed(
    tmp_path: Path, evalset: Path, all_fail: bool
) -> None:
    broken = {"when": "" if all_fail else '"1"', "status": 400, "times": 4 if all_fail else 1}
    store = tmp_path / "other runs" / "s.duckdb"
    store.parent.mkdir()
    with MockServer([broken]) as server:
        words = ("eval", evalset, "-m", f"{server.url}#m", "--api-key-env", "MY_KEY")
        done = flywheel(*words, "--db", store, cwd=tmp_path, MY_KEY=SECRET)
        assert done.returncode == (1 if all_fail else 4)
        (line,) = [one for one in (done.stdout + done.stderr).splitlines() if "--resume" in one]
        resume = shlex.split(line[line.index("flywheel eval --resume") :])
        again = flywheel(*resume[1:], cwd=tmp_path, MY_KEY=SECRET)
        heads = server.stats()["heads"]
    assert again.returncode == 0, again.stderr
    assert all(f"Authorization: Bearer {SECRET}" in head for head in heads)
    (line,) = [one for one in again.stdout.splitlines() if one.startswith("saved in")]
    show = shlex.split(line[line.index("flywheel show") :])
    assert flywheel(*show[1:], cwd=tmp_path).returncode == 0


def test_answers_that_were_cut_or_refused_are_counted(tmp_path: Path, evalset: Path) -> None:
    rules = [
        {"when": f'"{number}"', "body": json.dumps({"choices": [choice]})}
        for number, choice in enumerate(
            [
                {"message": {"content": ""}, "finish_reason": "length"},
                {"message": {"content": ""}, "finish_reason": "content_filter"},
                {"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"},
                {"message": {"content": "3"}, "finish_reason": "stop"},
            ]
        )
    ]
    with MockServer(rules) as server:
        done = flywheel("eval", evalset, "-m", f"{server.url}#m", cwd=tmp_path)
    assert (
        "truncated at max_completion_tokens and graded as they are: 1 of 4 answers" in done.stdout
    )
    assert "refusals, or stopped by a content filter: 2 of 4 answers" in done.stdout
    assert "no token counts" in done.stdout
    assert f"http://127.0.0.1:{server.port}/v1#m" in flywheel("runs", cwd=tmp_path).stdout

"""flywheel import, from the outside: what it prints, what it refuses, what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import flywheel

LOGS = Path(__file__).parents[1] / "importers" / "logs"
ROWS = "".join(
    json.dumps({"run": run, "item": f"q{n}", "grader": "exact", "score": n % 2 or int(run == "b")})
    + "\n"
    for run in "ab"
    for n in range(10)
)


def test_rows_come_in_and_compare(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROWS)
    done = flywheel("import", "scores", "rows.jsonl", "--evalset", "faq", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "saved in flywheel.duckdb; flywheel compare a b"
    done = flywheel("compare", "a", "b", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["graders"]["exact"]["difference"] == 0.5
    assert flywheel("store", "check", cwd=tmp_path).returncode == 0
    done = flywheel("import", "scores", "rows.jsonl", "--evalset", "faq", "--json", cwd=tmp_path)
    assert [(run["run"], run["new"]) for run in json.loads(done.stdout)["runs"]] == [
        ("a", False),
        ("b", False),
    ]


def test_every_harness_has_its_command(tmp_path: Path) -> None:
    lm_eval = next((LOGS / "lm-eval-large").glob("samples_continents_*"))
    for command, log, runs in (
        ("inspect", LOGS / "inspect-a.eval", 1),
        ("lm-eval", lm_eval, 1),
        ("promptfoo", LOGS / "promptfoo" / "results.json", 2),
    ):
        done = flywheel("import", command, log, "--run", command, "--json", cwd=tmp_path)
        told = json.loads(done.stdout)
        assert len(told["runs"]) == runs and told["runs"][0]["run"].startswith(command)
        assert bool(told["left_out"]) is (command == "lm-eval")


def test_what_cannot_be_is_one_line_and_leaves_no_store(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROWS + ROWS)
    for arguments, story in (
        (("scores", "rows.jsonl", "--evalset", "faq"), "rows.jsonl:21:1: duplicate verdict"),
        (("scores", "rows.jsonl"), "rows.jsonl:1:1: evalset: this field is missing"),
        (("scores", "none.jsonl", "--evalset", "x"), "none.jsonl: cannot be read"),
        (("inspect", "rows.jsonl"), "rows.jsonl: not a log of inspect_ai"),
        (("lm-eval", "rows.jsonl"), "rows.jsonl: wanted a file samples_TASK_DATE.jsonl"),
        (("promptfoo", "rows.jsonl"), "rows.jsonl:2:1: not JSON"),
        (("inspect", LOGS / "inspect-a.eval", "--primary", "x"), "has no grader 'x'"),
        (("inspect", LOGS / "inspect-a.eval", "--split", "x"), "--split must be one of train, dev"),
    ):
        done = flywheel("import", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
        assert story in done.stderr
    assert not list(tmp_path.glob("*.duckdb"))

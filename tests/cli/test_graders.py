"""flywheel graders check, from the outside."""

from __future__ import annotations

import json
from pathlib import Path

from flywheel.evals.evalset.evalset import load_evalset
from tests.cli.command import flywheel


def test_a_good_definition_is_ok(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("type: string_check\noperation: eq\nreference: x\n")
    assert flywheel("graders", "check", path).stdout == f"{path}: ok, string_check 'string_check'\n"
    assert json.loads(flywheel("graders", "check", path, "--json").stdout)["ok"] is True


def test_a_source_that_does_not_load_is_named(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    for source, story in (
        ("def grade(sample, item)\n    return 1", "SyntaxError"),
        ("import nowhere\ndef grade(s, i): return 1", "nowhere"),
        ("def great(s, i): return 1", "the source defines no function grade"),
    ):
        python = {"type": "python", "name": "p", "source": source}
        path.write_text(
            json.dumps({"type": "multi", "graders": {"p": python}, "calculate_output": "p"})
        )
        done = flywheel("graders", "check", path)
        assert done.returncode == 1
        assert "the source of 'p' does not load" in done.stderr
        assert story in done.stderr


def test_an_evalset_is_probed_and_a_bad_one_exits_with_1(tmp_path: Path) -> None:
    done = flywheel("graders", "check", "unit_math", "--split", "test", "--most", "20")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    definition = tmp_path / "evalset.yaml"
    definition.write_text(
        "prompt: [{role: user, content: 'Say {{ item.x }}'}]\ngold: '{{ item.x }}'\nprimary: g\n"
        "graders: [{type: string_check, name: g, operation: like, reference: '{{ item.x }}'}]\n"
    )
    (tmp_path / "dev.jsonl").write_text('{"x": "red"}\n{"x": "blue"}\n{"x": "teal"}\n')
    done = flywheel("graders", "check", tmp_path)
    assert done.returncode == 1
    assert "g: echo: passes, or scores as high as gold, 3 of 3 times (the prompt" in done.stdout
    report = json.loads(flywheel("graders", "check", tmp_path, "--json").stdout)
    found = {probe["probe"]: probe for probe in report["probes"]}
    assert {name for name, probe in found.items() if not probe["ok"]} == {"echo", "hedge"}
    assert found["echo"]["worst"]["answer"] == "Say red"
    every = flywheel("graders", "check", tmp_path, "--all").stdout
    assert "g: schema is not applicable: a gold answer is no JSON" in every
    assert max(len(line) for line in every.splitlines() if not line.startswith("  ")) <= 120
    with definition.open("a") as file:
        file.write(
            "checks: {g: {echo: the prompt is long, hedge: one word, empty: it cannot be}}\n"
        )
    done = flywheel("graders", "check", tmp_path)
    assert done.returncode == 0
    assert "g: echo is excused: the prompt is long" in done.stdout
    assert "g: empty is excused in evalset.yaml but passes: remove the excuse" in done.stdout


def test_the_judge_of_an_evalset_is_named_like_a_model_and_its_calls_are_counted(
    tmp_path: Path,
) -> None:
    done = flywheel("graders", "check", "policy_qa")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the grader 'correct' needs a judge; name one with --judge" in done.stderr
    judge = load_evalset("policy_qa").folder / "judge.jsonl"
    done = flywheel("graders", "check", "policy_qa", "--judge", f"scripted:{judge}", "--most", "3")
    assert done.returncode == 0, done.stdout
    assert done.stderr.startswith("The judge is asked 1")
    prices = tmp_path / "prices.yaml"
    prices.write_text("scripted: {input: 100, output: 100}\n")
    limit = ["--judge", f"scripted:{judge}", "--max-cost", "0.1", "--prices", prices]
    done = flywheel("graders", "check", "policy_qa", "--most", "3", *limit)
    assert (done.returncode, done.stdout) == (1, "")
    assert "of max_cost $0.1 is spent; raise it, or check with fewer items" in done.stderr
    done = flywheel("graders", "check", "policy_qa", "--judge", "nobody", cwd=tmp_path)
    assert "no model 'nobody'" in done.stderr


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = flywheel("graders", "check", "nope", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no evalset 'nope'" in done.stderr
    done = flywheel("graders", "check", "unit_math", "--split", "all")
    assert "--split is train, dev, test, got 'all'" in done.stderr
    done = flywheel("graders", "check", "nope.json", cwd=tmp_path)
    assert "no file 'nope.json'" in done.stderr


def test_what_grade_does_with_a_sample_is_no_matter_of_loading(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    source = "def grade(s, i): return i['x']\nif __name__ == '__main__':\n    raise SystemExit\n"
    path.write_text(json.dumps({"type": "python", "source": source}))
    assert flywheel("graders", "check", path).returncode == 0

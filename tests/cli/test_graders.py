"""flywheel graders check, from the outside."""

from __future__ import annotations

import json
from pathlib import Path

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
    assert flywheel("graders", "check", "unit_math", "--split", "test").returncode == 0
    (tmp_path / "evalset.yaml").write_text(
        "prompt: [{role: user, content: 'Say {{ item.x }}'}]\ngold: '{{ item.x }}'\nprimary: g\n"
        "graders: [{type: string_check, name: g, operation: like, reference: '{{ item.x }}'}]\n"
    )
    (tmp_path / "dev.jsonl").write_text('{"x": "red"}\n{"x": "blue"}\n')
    done = flywheel("graders", "check", tmp_path)
    assert done.returncode == 1
    assert "g: the 'echo' probe passes, or scores as high as gold, on 2 items" in done.stdout
    report = json.loads(flywheel("graders", "check", tmp_path, "--json").stdout)
    assert [probe["probe"] for probe in report["probes"] if not probe["ok"]] == ["echo"]


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = flywheel("graders", "check", "nope", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no evalset 'nope'" in done.stderr
    done = flywheel("graders", "check", "unit_math", "--split", "all")
    assert "--split is train, dev or test, got 'all'" in done.stderr
    done = flywheel("graders", "check", "nope.json", cwd=tmp_path)
    assert "no file 'nope.json'" in done.stderr


def test_what_grade_does_with_a_sample_is_no_matter_of_loading(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    source = "def grade(s, i): return i['x']\nif __name__ == '__main__':\n    raise SystemExit\n"
    path.write_text(json.dumps({"type": "python", "source": source}))
    assert flywheel("graders", "check", path).returncode == 0

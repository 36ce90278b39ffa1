"""Standard streams: closed pipes, closed descriptors, full disks, narrow and ASCII terminals."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import EXECUTABLE, flywheel
from tests.cli.terminal import Shown, each_on_a_terminal

# Wider than a pipe's buffer, so that it is written to after its reader has gone.
LONG = "x" * 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two runs whose answers are wide and long."""
    folder = tmp_path_factory.mktemp("streams")
    rows = [
        {
            "run": run,
            "item": f"i{n}",
            "grader": "same",
            "score": 0.0,
            "output": "日本語 " + LONG,
            "model": "qwen-2.5-some-long-name-of-a-model-instruct-4bit",
        }
        for run in ("run-260101-000000-abcd", "run-260101-000001-abce")
        for n in range(250)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("import", "scores", "rows.jsonl", "--evalset", "faq", "--split", "test")
    assert flywheel(*words, cwd=folder).returncode == 0
    return folder


def shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which $F is the command; its exit code is the command's."""
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "F": str(EXECUTABLE),
            "FLYWHEEL_STATE": os.environ["FLYWHEEL_STATE"],
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


A, B = "run-260101-000000-abcd", "run-260101-000001-abce"


@pytest.mark.parametrize(
    ("script", "code", "story"),
    [
        (f"$F show {A} --worst 250 | true; exit ${{PIPESTATUS[0]}}", 0, ""),
        (f"$F gate {B} --baseline {A} | true; exit ${{PIPESTATUS[0]}}", 1, ""),
        ("$F graders check none | true; exit ${PIPESTATUS[0]}", 1, "Error: no evalset 'none'"),
        (f"$F show {A} 2>&1 >&- | cat; exit ${{PIPESTATUS[0]}}", 0, ""),
        (f"$F show {A} <&- >&- 2>&-", 0, ""),
        (f"$F show {A} > /dev/full", 1, "Error: standard output: No space left on device\n"),
        (f"$F gate {B} --baseline {A} > /dev/full", 3, "Error: standard output: No space left"),
    ],
)
def test_a_reader_that_has_gone_changes_no_exit_code(
    folder: Path, script: str, code: int, story: str
) -> None:
    done = shell(folder, script)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(story) and done.stderr.count("\n") == (story != "")
    assert flywheel("store", "check", cwd=folder).returncode == 0


def test_an_encoding_without_the_characters_shows_escapes(folder: Path) -> None:
    done = flywheel("show", A, cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert r"\u65e5\u672c\u8a9e" in done.stdout


def test_a_crash_is_one_line_and_has_its_own_exit_code(folder: Path) -> None:
    crash = "from flywheel.cli import app, main; app.app = lambda **_: 1 / 0; main.main()"
    for env, lines in (({}, 2), ({"FLYWHEEL_TRACEBACK": "1"}, 12)):
        done = subprocess.run(
            [EXECUTABLE.parent / "python", "-c", crash],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 70
        assert "Error: ZeroDivisionError: division by zero\nThis is a bug" in done.stderr
        assert done.stderr.count("\n") <= lines
        assert ("Traceback" in done.stderr) == bool(env)


MISTAKES: list[tuple[tuple[str, ...], int, str]] = [
    (("runs", "--db", "/"), 1, "Error: /: is a folder; name a database file with --db"),
    (("runs", "--db", "."), 1, "is a folder; name a database file"),
    (("runs", "--db", "/dev/null"), 1, "is no regular file; name a database file"),
    (("runs", "--db", "rows.jsonl"), 1, "no Flywheel store"),
    (("runs", "--db", "/proc/none"), 1, "cannot be opened for writing"),
    (("eval", "unit_math", "-m", "tiny", "--temperature", "inf"), 2, "wanted a finite number"),
    (("eval", "unit_math", "-m", "tiny", "--temperature", "nan"), 2, "--temperature"),
    (("gate", B, "--baseline", A, "--margin", "nan"), 3, "wanted a finite number"),
    (("gate", B, "--baseline", A, "--effect", "-inf"), 3, "wanted a finite number"),
    (("plan", "unit_math", "--power", "nan"), 2, "wanted a finite number"),
    (("plan", "unit_math", "--discordance", "inf"), 2, "wanted a finite number"),
    (("improve", "sft", "--stall-minutes", "inf"), 2, "wanted a finite number"),
    (("grade", ".", "--sample", "x"), 1, ".: cannot be read: Is a directory"),
    (("compare", A, B, "--html", "/none/x.html"), 1, "no folder"),
    (("data", "check", "."), 1, "Error: "),
    (("data", "fix", "rows.jsonl", "--out", "/proc/x.jsonl"), 1, "Error: "),
    (("import", "scores", ".", "--evalset", "x"), 1, "Error: "),
    (("store", "export", "/proc/x"), 1, "Error: "),
    (("store", "rebuild", "."), 1, "Error: "),
    (("leakage", "unit_math", "--file", "."), 1, "Error: "),
]


@pytest.fixture(scope="module")
def mistakes(folder: Path) -> list[Shown]:
    """What a terminal shows of each of them."""
    return each_on_a_terminal([words for words, _, _ in MISTAKES], folder)


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_what_the_user_can_mend_is_one_line(mistakes: list[Shown], number: int) -> None:
    (_, code, story), shown = MISTAKES[number], mistakes[number]
    assert shown.code == code, shown.raw
    assert story in shown.raw and "Traceback" not in shown.raw
    assert shown.lines[-1].startswith("Error: ")


@pytest.mark.parametrize("columns", [20, 80])
def test_no_table_is_wider_than_the_terminal(folder: Path, columns: int) -> None:
    commands = [["runs"], ["compare", A, B], ["gate", B, "--baseline", A], ["plan", "unit_math"]]
    for shown in each_on_a_terminal(commands, folder, columns):
        assert "Traceback" not in shown.raw and "Error" not in shown.raw
        tables = [line for line in shown.lines if "  " in line.strip() and not line.startswith(" ")]
        if columns == 80:
            assert all(len(line) <= 80 for line in tables), shown.raw


def test_a_pipe_gets_every_column_whatever_its_width(folder: Path) -> None:
    narrow, wide = (flywheel("runs", cwd=folder, COLUMNS=n).stdout for n in ("20", "200"))
    assert narrow == wide
    assert narrow.split("\n")[0].split() == [
        *("run", "kind", "status", "evalset", "split", "model", "n", "mean", "low", "high")
    ]

"""No text from elsewhere reaches a terminal as a command to it, whichever command prints it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from flywheel.visible import visible
from tests.cli.command import flywheel
from tests.cli.terminal import Shown, each_on_a_terminal

# Sets the clipboard and the title, clears the screen in seven bits and in eight, turns the writing.
EVIL = "\x1b]52;c;cm0=\x07\x1b]0;t\x07\x1b[2J\x9b2J\u202egpj\u200b\x7f\rPROMOTE"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of imported runs, and files, each with hostile text wherever text may stand."""
    folder = tmp_path_factory.mktemp("evil")
    common = {"grader": "same", "group": EVIL, "model": "m"}
    rows = [
        {
            **common,
            "run": run,
            "item": f"i{n}{EVIL}",
            "score": float(n % 3 == 0 or run == "b"),
            "output": f"{EVIL}\n{n} {run}",
            "reason": EVIL,
        }
        for run in ("a", "b")
        for n in range(12)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = flywheel(
        "import", "scores", "rows.jsonl", "--evalset", "faq", "--split", "test", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    grader = {"type": "string_check", "name": f"g{EVIL}", "operation": "eq", "reference": "x"}
    (folder / "grader.json").write_text(json.dumps(grader))
    (folder / "typo.json").write_text(json.dumps({**grader, f"x{EVIL}": 1, "operation": EVIL}))
    (folder / "bad.yaml").write_text(f'"{EVIL.encode("unicode_escape").decode()}": 1\n"a": *x\n')
    chat = {"messages": [{"role": "user", "content": EVIL}, {"role": EVIL, "content": "x"}]}
    (folder / f"train{EVIL}.jsonl").write_text(json.dumps(chat) + "\n" + EVIL + "\n")
    evalset = folder / f"e{EVIL}"
    evalset.mkdir()
    (evalset / "evalset.yaml").write_text(
        "prompt: [{role: user, content: '{{ item.q }}'}]\ngold: '{{ item.q }}'\n"
        + "graders: "
        + json.dumps([{**grader, "reference": "{{ item.q }}"}])
    )
    for split in ("train", "dev", "test"):
        item = {"id": f"i{EVIL}", "q": f"one two three four five six seven eight {EVIL}"}
        (evalset / f"{split}.jsonl").write_text(json.dumps(item) + "\n")
    (folder / "model.jsonl").write_text(json.dumps({"when": "", "text": EVIL}) + "\n")
    (folder / "judge.jsonl").write_text("{}\n")
    return folder


COMMANDS = [
    ("runs",),
    ("show", "a"),
    ("compare", "a", "b"),
    ("compare", "a", "b", "--markdown", "-"),
    ("gate", "b", "--baseline", "a"),
    ("show", EVIL),
    ("jobs", "--db", f"x{EVIL}"),
    ("job", EVIL),
    ("graders", "check", "grader.json"),
    ("graders", "check", "typo.json"),
    ("graders", "check", "bad.yaml"),
    ("graders", "check", f"e{EVIL}"),
    ("grade", "grader.json", "--sample", EVIL),
    ("data", "check", f"train{EVIL}.jsonl"),
    ("data", "fix", f"train{EVIL}.jsonl", "--out", f"o{EVIL}.jsonl"),
    ("leakage", f"e{EVIL}"),
    ("eval", f"e{EVIL}", "-m", "scripted:model.jsonl"),
    ("baseline", f"e{EVIL}", "-m", f"no{EVIL}"),
    ("plan", EVIL),
    ("improve", "sft", f"no{EVIL}.yaml"),
    ("improve", EVIL),
    ("improve", "sft", "--set", f"{EVIL}=1"),
    ("store", "check"),
    ("import", "scores", "rows.jsonl", "--evalset", f"two{EVIL}"),
    (f"x{EVIL}",),
    ("runs", f"--x{EVIL}"),
]


@pytest.fixture(scope="module")
def screens(folder: Path) -> list[Shown]:
    """What each command shows."""
    return each_on_a_terminal(COMMANDS, folder)


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=[visible(c[0]) for c in COMMANDS])
def test_a_terminal_obeys_none_of_it(screens: list[Shown], number: int) -> None:
    words, shown = COMMANDS[number], screens[number]
    assert shown.code in (0, 1, 2, 3), shown
    for sign in ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\u202e", "\u200b", "\x7f"):
        assert sign not in shown.raw, ascii(shown.raw)
    assert "\r" not in shown.raw.replace("\r\n", "").replace("\r\x1b", "")
    assert not any(line.startswith("PROMOTE") for line in shown.lines) or words[0] == "gate"


def test_json_stays_json(folder: Path) -> None:
    printed = flywheel("show", "a", "--json", cwd=folder).stdout
    assert json.loads(printed)["worst"][0]["reason"] == EVIL
    assert visible(printed) == printed


def test_every_command_prints_through_the_functions_that_make_text_visible() -> None:
    # main.py has one word of its own to say, before anything is loaded.
    allowed = {"tables.py", "streams.py", "main.py"}
    for path in sorted((ROOT / "flywheel/cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            direct = called in ("print", "typer.echo", "typer.secho") or called.endswith(
                ("stdout.write", "stderr.write")
            )
            assert not direct or path.name in allowed, f"{path}:{node.lineno} calls {called}"

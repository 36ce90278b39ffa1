"""The pages are true: every file they show is read, every command prints just that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from flywheel.cli.commands import COMMANDS, load_command
from graders.definition import grader_types, read_grader
from tests.documents import blocks, commands, matches

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


def test_a_line_of_dots_is_any_lines_or_none() -> None:
    assert matches("job\nend\n", "...\njob\n...\n")
    assert matches("one\ntwo\njob\n", "...\njob\n...")
    assert matches("about 5 s a step\n", "about ... s a step\n")
    assert not matches("another job\n", "...\njob\n")
    assert not matches("", "job\n...\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_runs_and_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_HOME": str(tmp_path / "hf"),
        "COLUMNS": "100",
    }
    for block in blocks(page):
        if block.name:
            path = tmp_path / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "python":
            script = [sys.executable, "-c", block.text]
            subprocess.run(script, cwd=tmp_path, env=env, check=True, timeout=600)
        elif block.language == "console":
            for step in commands(block):
                done = subprocess.run(
                    ["bash", "-c", step.command],
                    cwd=tmp_path,
                    env=env,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=600,
                    check=False,
                )
                where = f"{page.name}:{step.line}: $ {step.command}\n{done.stdout}"
                assert matches(done.stdout, step.printed), where


def definitions() -> Iterator[dict[str, Any]]:
    """Every file of a page that could be a grader."""
    for block in (block for page in PAGES for block in blocks(page)):
        if block.name and block.name.endswith((".json", ".yaml")):
            value = json.loads(block.text) if block.name.endswith(".json") else None
            value = value or yaml.safe_load(block.text)
            if isinstance(value, dict):
                yield cast("dict[str, Any]", value)


def test_every_grader_type_has_a_row_and_an_example_that_runs() -> None:
    types = set(grader_types())
    shown = {
        read_grader(definition).model_dump()["type"]
        for definition in definitions()
        if definition.get("type") in types and "refrence" not in definition
    }
    assert shown == set(grader_types())
    for name in grader_types():
        assert f"| `{name}` |" in README.read_text()


def every_command() -> Iterator[tuple[str, Any]]:
    for name in (name for name, entry in COMMANDS.items() if not entry.hidden):
        command = load_command(name)
        subcommands = getattr(command, "commands", {"": command})
        yield from ((f"flywheel {name} {sub}".rstrip(), one) for sub, one in subcommands.items())


@pytest.mark.parametrize(("name", "command"), list(every_command()))
def test_every_command_has_help_and_an_example_that_runs(name: str, command: Any) -> None:
    assert command.help
    for param in command.params:
        assert param.help, f"{name} {param.name}"
    run = [step.command for page in PAGES for block in blocks(page) for step in commands(block)]
    assert any(line.startswith(name) for line in run), f"no example of {name} on any page"


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(README.read_text().splitlines()) <= 300


def test_a_page_that_lies_is_caught() -> None:
    assert matches("a b c\n", "a ... c")
    assert matches("a\n\nb\n", "a\n<BLANKLINE>\nb\n")
    assert not matches("a b d\n", "a ... c")
    assert not matches("", "something")

"""Evalsets saved by an editor with habits of its own, or that ask for what is no prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flywheel.cli.app import app
from flywheel.store.upkeep.check import check_store

EVALSET = """\
prompt: PROMPT
gold: "{{ item.capital }}"
graders: [{name: named, type: string_check, operation: ilike, reference: "{{ item.capital }}"}]
primary: named
"""
MESSAGES = '[{role: user, content: "{{ item.country }}"}]'
ITEMS = '{"country": "France", "capital": "Paris"}\n{"country": "Norway", "capital": "Oslo"}\n'


def measured(tmp_path: Path, evalset: str, items: str = ITEMS) -> tuple[int, str]:
    """The exit code of an eval and what it says."""
    folder = tmp_path / "capitals"
    folder.mkdir()
    (folder / "evalset.yaml").write_bytes(evalset.encode())
    (folder / "dev.jsonl").write_bytes(items.encode())
    script = tmp_path / "script.jsonl"
    script.write_text('{"when": "", "text": "Paris"}\n')
    command = ["eval", str(folder), "-m", f"scripted:{script}", "--db", str(tmp_path / "s.duckdb")]
    done = CliRunner().invoke(app, command)
    return done.exit_code, str(done.exception or done.output)


def test_byte_order_marks_and_crlf_change_nothing(tmp_path: Path) -> None:
    texts = (EVALSET.replace("PROMPT", MESSAGES), ITEMS)
    evalset, items = ("\ufeff" + text.replace("\n", "\r\n") for text in texts)
    code, told = measured(tmp_path, evalset, items)
    assert code == 0 and "floors: " in told
    assert check_store(tmp_path / "s.duckdb").findings == []


@pytest.mark.parametrize("prompt", ["7", "[]", "[7]", '[{\\"role\\": 7}]', '{\\"role\\": 1}'])
def test_a_prompt_that_gives_no_messages_is_refused(tmp_path: Path, prompt: str) -> None:
    code, told = measured(tmp_path, EVALSET.replace("PROMPT", f'"{prompt}"'))
    assert code == 1
    assert "dev.jsonl:1:1: the prompt is no JSON list of messages with a role, got" in told


def test_options_that_are_no_list_are_refused(tmp_path: Path) -> None:
    evalset = EVALSET.replace("PROMPT", MESSAGES) + 'options: "7"\n'
    code, told = measured(tmp_path, evalset)
    assert code == 1 and "dev.jsonl:1:1: the options are no JSON list, got 7" in told

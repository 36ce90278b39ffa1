"""A run that one process measures is cancelled from another one."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import jsonschema

from flywheel.cli.schemas import schema
from tests.cli.command import EXECUTABLE, flywheel
from tests.evals.world import write_evalset

SLOW = """
import asyncio

async def ask(messages):
    await asyncio.sleep(0.3)
    return "no"
"""


def test_a_run_is_cancelled_by_its_name_and_only_while_it_is_measured(tmp_path: Path) -> None:
    write_evalset(tmp_path / "e", items=3000)
    (tmp_path / "slow.py").write_text(SLOW)
    words = [str(EXECUTABLE), "eval", "e", "-m", "python:slow.py:ask"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as owner:
        try:
            while (done := flywheel("cancel", "latest", "--json", cwd=tmp_path)).returncode:
                assert owner.poll() is None, owner.communicate()
                time.sleep(0.2)
        except BaseException:
            owner.kill()
            raise
        said = owner.communicate(timeout=300)[1]
    stopped = json.loads(done.stdout)
    jsonschema.validate(stopped, schema("cancel"))
    assert owner.returncode == 1
    assert f"--resume {stopped['name']}" in said
    again = flywheel("cancel", stopped["name"], cwd=tmp_path)
    assert (again.returncode, again.stderr) == (
        1,
        f"Error: {stopped['name']} is not running: it is interrupted\n",
    )


def test_what_is_finished_or_unknown_is_not_cancelled(tmp_path: Path) -> None:
    write_evalset(tmp_path / "e", items=2)
    (tmp_path / "model.jsonl").write_text('{"when": "", "text": "1"}\n')
    assert flywheel("eval", "e", "-m", "scripted:model.jsonl", cwd=tmp_path).returncode == 0
    assert "has already finished" in flywheel("cancel", "latest", cwd=tmp_path).stderr
    nothing = flywheel("cancel", "nothing", cwd=tmp_path)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "no run 'nothing' in flywheel.duckdb" in nothing.stderr
    assert "there is no such job either" in nothing.stderr

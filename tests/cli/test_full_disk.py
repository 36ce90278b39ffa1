"""A run whose disk is full stops with one line, keeps what it acknowledged, and is finished later.

The disk is full for one process: no file of its may grow beyond a limit.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from flywheel.store.store import open_store
from tests.cli.command import EXECUTABLE, flywheel
from tests.evals.world import CHECK, write_evalset
from tests.store.process import line, python

ITEMS = 4000
MEASURE = """
import resource, sys
from pathlib import Path
from flywheel.errors import FlywheelError
from flywheel.store.store import open_store
from tests.evals.world import Echo, measure, plan

acknowledged = []
with open_store(Path(sys.argv[1])) as store:
    of = plan(Path(sys.argv[2]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        measure(store, of, Echo(), advance=acknowledged.append)
    except FlywheelError as error:
        print(sum(acknowledged), type(error).__name__, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An evalset and a model whose answers take a megabyte and a half."""
    (tmp_path / "model.jsonl").write_text(json.dumps({"when": "", "text": "7 " * 200}) + "\n")
    return write_evalset(tmp_path / "many", items=ITEMS)


def with_full_disk(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """The command, where a file may have 1,500 blocks of 1,024 bytes and no more."""
    command = ["bash", "-c", 'ulimit -f 1500; exec "$@"', "bash", EXECUTABLE, *words]
    shown = [str(word) for word in command]
    return subprocess.run(
        shown, cwd=folder.parent, capture_output=True, text=True, check=False, timeout=600
    )


def kept(path: Path) -> tuple[int, int]:
    """The samples in the store, and the scores: whole batches only."""
    with open_store(path) as store:
        sql = 'SELECT count(*) AS "n", (SELECT count(*) FROM "scores") AS "scores" FROM "samples"'
        (row,) = store.query(sql)
    return row["n"], row["scores"]


def test_a_run_stops_with_one_line_and_is_finished_later(folder: Path, tmp_path: Path) -> None:
    stopped = with_full_disk(folder, "eval", folder, "-m", "scripted:model.jsonl")
    assert stopped.returncode == 1
    assert stopped.stdout == ""
    assert stopped.stderr.startswith("Error: ") and stopped.stderr.count("\n") == 1
    for words in (
        "the disk is full",
        "free some space",
        "resume with: flywheel eval --resume run-",
    ):
        assert words in stopped.stderr
    samples, scores = kept(tmp_path / "flywheel.duckdb")
    assert 0 < samples == scores < ITEMS
    assert flywheel("store", "check", cwd=tmp_path).returncode == 0
    advised = shlex.split(stopped.stderr.split("resume with: flywheel ")[1])
    done = flywheel(*advised, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (found["status"], found["n"], found["ungraded"]) == ("finished", ITEMS, 0)
    assert kept(tmp_path / "flywheel.duckdb") == (ITEMS, ITEMS)


def test_what_was_acknowledged_is_kept(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with python(MEASURE, path, folder) as process:
        acknowledged, error = line(process).split()
    samples, scores = kept(path)
    assert error == "StoreFailed"
    assert 0 < int(acknowledged) <= samples == scores < ITEMS


def test_a_regrade_stops_with_one_line_too(folder: Path, tmp_path: Path) -> None:
    words = ("eval", folder, "-m", "scripted:model.jsonl", "--json")
    run = json.loads(flywheel(*words, cwd=tmp_path).stdout)["run"]
    names = [f"{letter * 200}" for letter in "abcdef"]
    (tmp_path / "g.json").write_text(json.dumps([{**CHECK, "name": name} for name in names]))
    stopped = with_full_disk(folder, "regrade", run, "--graders", "g.json")
    assert stopped.returncode == 1
    assert stopped.stderr.count("\n") == 1
    assert "the disk is full" in stopped.stderr
    advised = shlex.split(stopped.stderr.split("resume with: flywheel ")[1])
    assert advised[:2] == ["regrade", "--resume"]
    done = flywheel(*advised, "--json", cwd=tmp_path)
    assert {figure["n"] for figure in json.loads(done.stdout)["graders"].values()} == {ITEMS}

"""flywheel regrade from the outside: stopped by ctrl-C or kill -9, it goes on where it was."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from flywheel.store.store import open_store
from tests.cli.command import EXECUTABLE, flywheel
from tests.evals.world import CHECK, write_evalset
from tests.samplers.mock_server import MockServer

ITEMS = 1200
JUDGED = {
    "type": "score_model",
    "name": "liked",
    "model": "judge",
    "range": [0, 1],
    "input": [{"role": "user", "content": "Do you like {{ sample.output_text }}?"}],
}
SAID = {"role": "assistant", "content": json.dumps({"steps": [], "result": 1.0})}
ANSWER = {"model": "judge", "choices": [{"message": SAID, "finish_reason": "stop"}]}


@pytest.fixture
def run(tmp_path: Path) -> str:
    """A finished run in the store of this folder."""
    folder = write_evalset(tmp_path / "many", items=ITEMS)
    (tmp_path / "model.jsonl").write_text('{"when": "", "text": "1"}\n')
    words = ("eval", folder, "-m", "scripted:model.jsonl", "--json")
    name: str = json.loads(flywheel(*words, cwd=tmp_path).stdout)["run"]
    return name


def scores(folder: Path) -> list[dict[str, Any]]:
    """How many verdicts the newest regrade has, and of how many items."""
    with open_store(folder / "flywheel.duckdb") as store:
        return store.query(
            """
            SELECT "run", count(*) AS "n", count(DISTINCT "item") AS "items" FROM "scores"
            WHERE "run" IN (SELECT "run" FROM "runs" WHERE "kind" = 'regrade') GROUP BY "run"
            """
        )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_regrade_goes_on_where_it_was(tmp_path: Path, run: str, stop: int) -> None:
    (tmp_path / "g.json").write_text(json.dumps(JUDGED))
    rules = [{"body": json.dumps(ANSWER)}]
    with MockServer(rules, latency=0.02) as server:
        judge = ("--judge", f"{server.url}#judge", "--in-flight", "16")
        words = (EXECUTABLE, "regrade", run, "--graders", "g.json", *judge)
        busy = subprocess.Popen(
            [str(word) for word in words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        while server.stats()["requests"] < 600 and busy.poll() is None:
            time.sleep(0.02)
        busy.send_signal(stop)
        _, story = busy.communicate(timeout=300)
        ((name, kept, items),) = (tuple(row.values()) for row in scores(tmp_path))
        assert 256 <= kept == items < ITEMS
        if stop == signal.SIGINT:
            assert busy.returncode == 130
            asked = f"--judge '{server.url}#judge'"
            assert story == f"Stopped. Resume with: flywheel regrade --resume {name} {asked}\n"
        asked = server.stats()["requests"]
        done = flywheel("regrade", "--resume", name, *judge, "--json", cwd=tmp_path)
        assert server.stats()["requests"] - asked == ITEMS - kept
    found = json.loads(done.stdout)
    assert (found["status"], found["ungraded"], found["primary"]["mean"]) == ("finished", 0, 1.0)
    assert found["judge"]["answers"] == ITEMS - kept
    assert scores(tmp_path) == [{"run": name, "n": ITEMS, "items": ITEMS}]


def test_what_cannot_go_on_is_one_line(tmp_path: Path, run: str) -> None:
    (tmp_path / "g.json").write_text(json.dumps(CHECK))
    (tmp_path / "other.json").write_text(json.dumps({**CHECK, "operation": "ne"}))
    words = ("regrade", run, "--graders", "g.json", "--json")
    name = json.loads(flywheel(*words, cwd=tmp_path).stdout)["run"]
    for arguments, story in (
        (["regrade"], "give a RUN and --graders FILE, or --resume RUN"),
        (["regrade", run], "give a RUN and --graders FILE, or --resume RUN"),
        (["regrade", run, "--resume", name], "give a RUN and --graders FILE, or --resume RUN"),
        (
            ["regrade", "--resume", run],
            "is not a regrade; resume with: flywheel eval --resume run-",
        ),
        (["regrade", "--resume", name, "--graders", "other.json"], "graders changed: same was "),
        (["eval", "--resume", name], f"resume with: flywheel regrade --resume {name}"),
    ):
        done = flywheel(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
        assert story in done.stderr

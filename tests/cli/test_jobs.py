"""flywheel jobs and flywheel job, from the outside; the jobs' processes train nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flywheel.cli.app import app
from flywheel.cli.improve.following import other_seed
from flywheel.errors import FlywheelError
from flywheel.jobs.folder import jobs_root
from flywheel.jobs.records.job_state import stored_view
from flywheel.jobs.records.journal import is_held
from flywheel.jobs.submit import Job, submit
from flywheel.store.store import open_store
from flywheel.store.tables.jobs import JobRow
from tests.cli.command import EXECUTABLE, flywheel
from tests.jobs.world import ROOT, begin, end, kind, launch, order, wait_for


def scripted(folder: Path, steps: int, seconds: float = 0.01) -> Job:
    return begin(jobs_root(folder / "flywheel.duckdb"), steps=steps, seconds=seconds)


def read(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_job_is_listed_followed_and_stopped_from_another_process(tmp_path: Path) -> None:
    folder, process = scripted(tmp_path, steps=1000, seconds=0.05)
    # Nobody made a store here, and a look makes none.
    (listed,) = read(flywheel("jobs", "--json", cwd=tmp_path))
    assert (listed["job"], listed["status"]) == (folder.name, "running")
    assert not (tmp_path / "flywheel.duckdb").exists()
    wait_for(folder, 2)
    done = flywheel("job", folder.name, "--pause", "--follow", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"next: flywheel job {folder.name} --resume" in done.stdout
    assert process.wait() == 10
    shown = read(flywheel("job", folder.name, "--json", cwd=tmp_path))
    assert (shown["status"], shown["steps"]) == ("paused", 1000)
    assert shown["step"] == shown["checkpoints"][-1]["step"]
    assert "cancelled" in flywheel("job", folder.name, "--cancel", cwd=tmp_path).stdout
    again = flywheel("job", folder.name, "--pause", cwd=tmp_path)
    assert again.returncode == 1
    assert "has already been cancelled" in again.stderr


@pytest.mark.parametrize(("config", "other"), [({}, 1), ({"seed": 0}, 1), ({"seed": 1}, 2)])
def test_the_seed_named_for_the_gate_is_another_one(config: dict[str, Any], other: int) -> None:
    order = json.dumps({"config": config})
    row = JobRow("j", datetime(2026, 1, 1, tzinfo=UTC), "sft", "e", "m", order, "f", None)
    assert other_seed(row) == other


def test_jobs_can_be_looked_at_while_another_process_has_the_store(tmp_path: Path) -> None:
    folder, process = scripted(tmp_path, steps=3)
    with open_store(tmp_path / "flywheel.duckdb"):
        done = flywheel("job", folder.name, "--follow", cwd=tmp_path)
        assert done.returncode == 0
        assert "flywheel.duckdb is in use" in done.stderr
        assert "finished" in flywheel("jobs", cwd=tmp_path).stdout
    process.wait()
    assert flywheel("jobs", cwd=tmp_path).returncode == 0
    # The store knows it now, also when its folder is gone.
    folder.rename(tmp_path / "elsewhere")
    shown = read(flywheel("job", folder.name, "--json", cwd=tmp_path))
    assert (shown["status"], shown["step"]) == ("finished", 3)
    assert flywheel("store", "check", cwd=tmp_path).returncode == 0


def test_a_job_that_was_killed_says_how_it_goes_on(tmp_path: Path) -> None:
    folder, process = scripted(tmp_path, steps=1000)
    wait_for(folder, 2)
    process.kill()
    process.wait()
    done = flywheel("job", folder.name, cwd=tmp_path)
    assert f"{folder.name}  sft of tiny on ticket_triage: died" in done.stdout
    assert "died: its process is gone: killed, or out of memory" in done.stdout
    assert f"next: flywheel job {folder.name} --resume" in done.stdout


def test_a_follower_that_stops_leaves_the_job_alone(tmp_path: Path) -> None:
    folder, process = scripted(tmp_path, steps=1000)
    words = [str(EXECUTABLE), "job", folder.name, "--follow"]
    follower = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert follower.stderr is not None
    assert folder.name in follower.stderr.readline()
    follower.send_signal(signal.SIGINT)
    _, said = follower.communicate(timeout=300)
    assert follower.returncode == 130
    assert f"{folder.name} keeps running" in said
    assert is_held(folder)
    os.kill(process.pid, signal.SIGTERM)
    assert end(folder, process)[-1].kind == "paused"


FOLLOW = """
import sys
from pathlib import Path
from flywheel.cli.improve.following import followed
from flywheel.workspace.job import Job
found, pressed = followed(Job(Path(sys.argv[1])), Path(sys.argv[2]), 60.0)
print(found.status, pressed)
"""


@pytest.mark.parametrize(("seconds", "presses", "status"), [(0.05, 1, "paused"), (600, 2, "died")])
def test_ctrl_c_pauses_and_a_second_one_kills(
    tmp_path: Path, seconds: float, presses: int, status: str
) -> None:
    folder, process = scripted(tmp_path, steps=1000, seconds=seconds)
    words = [sys.executable, "-c", FOLLOW, str(folder), str(tmp_path / "s.duckdb")]
    follower = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert follower.stderr is not None
    follower.stderr.readline()
    for press in range(presses):
        follower.send_signal(signal.SIGINT)
        if press == 0:
            assert "Pausing after this step; press Ctrl-C again" in follower.stderr.readline()
    said, complaint = follower.communicate(timeout=300)
    assert said.strip() == f"{status} True", complaint
    process.wait()
    with open_store(tmp_path / "s.duckdb") as store:
        assert stored_view(store, folder.name).status == status


def test_a_job_whose_data_changed_is_not_gone_on_with(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n')
    idle = kind((sys.executable, "-c", ""))
    root = jobs_root(tmp_path / "flywheel.duckdb")
    folder, process = submit(root, idle, order(data), launch())
    process.wait()
    data.write_text("changed")
    done = flywheel("job", folder.name, "--resume", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot resume because the training data changed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["job", "job-x"], "no job 'job-x'"),
        (["job", "job-x", "--resume"], "no job 'job-x'"),
        (["job", "..", "--cancel"], "no job '..'"),
        (["job", "job-x", "--pause", "--cancel"], "use only one of --pause, --resume and --cancel"),
        (["improve", "sftt", "c.yaml"], "wanted one of sft, dpo, kto, rft, reward, pretrain"),
        (["improve", "sft", "none.yaml"], "none.yaml: cannot be read"),
        (
            ["improve", "sft", "dpo.yaml"],
            "a config for 'dpo'; run flywheel improve dpo",
        ),
        (["improve", "sft", "bad.yaml"], "bad.yaml:2:1: stepps"),
        (["improve", "sft", "--set", "evalset=unit_math", "--set", "steps=0"], "--set steps"),
    ],
)
def test_an_error_is_one_line(tmp_path: Path, arguments: list[str], story: str) -> None:
    (tmp_path / "dpo.yaml").write_text("lever: dpo\nevalset: unit_math\n")
    (tmp_path / "bad.yaml").write_text("evalset: unit_math\nstepps: 3\n")
    words = [word if ".yaml" not in word else str(tmp_path / word) for word in arguments]
    done = CliRunner().invoke(app, [*words, "--db", str(tmp_path / "s.duckdb")])
    assert isinstance(done.exception, FlywheelError)
    assert story in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "s.duckdb").exists()

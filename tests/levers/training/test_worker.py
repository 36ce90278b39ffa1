"""What a job's process does beside training."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flywheel.errors import BadOption
from flywheel.jobs.folder import CONTROL, HEARTBEAT
from flywheel.jobs.process import explain, read_command
from flywheel.jobs.records.journal import read_events, take_lock
from flywheel.levers.training.worker import MEMORY_REMEDY

THREADS = (
    "from flywheel.levers.training.worker import set_threads as s; s({}); import os; print({})"
)


@pytest.mark.parametrize(
    ("error", "told", "remedy"),
    [
        (BadOption("no such model"), "no such model", "fix that, then: flywheel job job-1"),
        (OSError(errno.ENOSPC, "No space left on device"), "OSError", "free some space"),
        (MemoryError(), "MemoryError", "smaller batch_size"),
        (RuntimeError("\nCUDA out of memory. Tried"), "RuntimeError: CUDA out", "smaller batch"),
        (KeyError("x"), "KeyError: 'x'", "see jobs/job-1/log.txt; then"),
        (ValueError(), "ValueError", "log.txt"),
    ],
)
def test_what_went_wrong_has_a_remedy(error: Exception, told: str, remedy: str) -> None:
    said, do = explain(error, Path("jobs/job-1"), MEMORY_REMEDY)
    assert said.startswith(told)
    assert remedy in do


@pytest.mark.parametrize(
    ("text", "word"),
    [("pause\n", "pause"), ("cancel", "cancel"), ("", "go"), ("stop!", "go"), (None, "go")],
)
def test_a_word_that_is_none_stops_nothing(tmp_path: Path, text: str | None, word: str) -> None:
    if text is not None:
        (tmp_path / CONTROL).write_text(text)
    assert read_command(tmp_path) == word


@pytest.mark.parametrize(
    ("cores", "given", "threads"),
    [
        (1, {}, "1"),
        (2, {}, "1"),
        (8, {}, "None"),
        (8, {"FLYWHEEL_THREADS": "3"}, "3"),
        (2, {"OMP_NUM_THREADS": "2"}, "2"),
    ],
)
def test_few_cores_get_one_thread(cores: int, given: dict[str, str], threads: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "FLYWHEEL_"))}
    code = THREADS.format(cores, "os.environ.get('OMP_NUM_THREADS')")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**env, **given}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == threads


def worker(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "flywheel.levers.training.worker", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_folder_without_an_order_is_a_failure_that_is_told(tmp_path: Path) -> None:
    assert worker(tmp_path).returncode == 1
    (event,) = read_events(tmp_path)
    assert event.kind == "failed"
    assert "order.json: cannot be read" in event.detail["error"]
    assert '"step": null' in (tmp_path / HEARTBEAT).read_text()


def test_a_folder_at_which_another_works_is_left_alone(tmp_path: Path) -> None:
    held = take_lock(tmp_path)
    assert held is not None
    done = worker(tmp_path)
    os.close(held)
    assert done.returncode == 1
    assert "another process runs this job" in done.stderr
    assert list(read_events(tmp_path)) == []

"""No network, no telemetry: the first look and a training work with every socket closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lookups import note_lookups
from tests.recipes.test_loop import small

# Unix sockets stay: they join this process to its own sandbox. No other may even be made.
CLOSED = """
import socket
import sys

real = socket.socket

class Closed(real):
    def __init__(self, family=-1, *rest, **named):
        if family not in (socket.AF_UNIX,) and named.get("fileno") is None:
            raise OSError("a socket was opened")
        super().__init__(family, *rest, **named)

def refuse(*args, **named):
    raise OSError("a name was looked up")

socket.socket = Closed
socket.getaddrinfo = socket.create_connection = refuse

from flywheel.cli.main import main
sys.argv = ["flywheel", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ["demo", "--graders"],
        ["plan", "unit_math"],
        ["doctor"],
        ["graders", "check", "unit_math"],
        ["--help"],
    ],
    ids=" ".join,
)
def test_a_command_opens_no_socket(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSED, *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


RUN = "from flywheel.cli.main import main; main()"


def test_a_training_looks_up_no_name(tmp_path: Path) -> None:
    guard, asked = note_lookups(tmp_path)
    evalset = small(tmp_path / "triage")
    # As it is outside of tests: no setting of the hub's library, which is quiet in a test.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "PYTEST_", "CI"))}
    sets = [f"evalset={evalset}", "rows=12", "steps=2", "eval_samples=4"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, "train", "sft", "--measure-first"]
        + [word for text in sets for word in ("--set", text)],
        env=env | {"PYTHONPATH": f"{guard}:{Path(__file__).parents[1]}"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0 and "finished" in done.stdout, done.stderr
    assert not asked.exists(), asked.read_text()


def test_the_guard_would_notice(tmp_path: Path) -> None:
    spy = CLOSED.replace("from flywheel", "socket.socket(socket.AF_INET)\nfrom flywheel")
    done = subprocess.run(
        [sys.executable, "-c", spy, "--help"], capture_output=True, cwd=tmp_path, check=False
    )
    assert b"a socket was opened" in done.stderr

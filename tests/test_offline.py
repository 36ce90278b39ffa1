"""No network, no telemetry: the whole first look works with every socket closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_guard_would_notice(tmp_path: Path) -> None:
    spy = CLOSED.replace("from flywheel", "socket.socket(socket.AF_INET)\nfrom flywheel")
    done = subprocess.run(
        [sys.executable, "-c", spy, "--help"], capture_output=True, cwd=tmp_path, check=False
    )
    assert b"a socket was opened" in done.stderr

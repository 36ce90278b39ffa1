"""The real `flywheel review` in a process of its own, and whether Chromium is here."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flywheel.store.owner import find_owner
from tests.cli.command import EXECUTABLE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def free_port() -> int:
    """A port that nobody serves at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running review."""

    def __init__(self, process: subprocess.Popen[str], url: str, db: Path) -> None:
        self.process = process
        self.url = url
        self.db = db

    def owner(self) -> int:
        """The process that owns the store: the one that serves the pages."""
        owner = find_owner(self.db)
        assert owner and owner.url == self.url
        return owner.pid

    def end(self) -> str:
        """Ctrl-C, and what was printed."""
        self.process.send_signal(signal.SIGINT)
        told, errors = self.process.communicate(timeout=300)
        return told + errors


@contextmanager
def serve(db: Path, *options: str, port: int | None = None) -> Generator[Server]:
    """Start it, and wait until it says where it is."""
    port = port or free_port()
    process = subprocess.Popen(
        [str(EXECUTABLE), "review", "--db", str(db), "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout and process.stderr
        first = process.stdout.readline()
        url = f"http://127.0.0.1:{port}"
        assert first.startswith(url), first + process.stderr.read()
        yield Server(process, url, db)
    finally:
        process.kill()
        process.communicate()


def need_chromium() -> str:
    """Where Chromium is. Skip where it is missing; on CI, where it must be there, fail."""
    if CHROMIUM is None:
        story = "no chromium on PATH; apt-get install chromium"
        if os.environ.get("CI") == "true" and os.environ.get("WITHOUT_BROWSER") != "true":
            pytest.fail(story)
        pytest.skip(story)
    return CHROMIUM

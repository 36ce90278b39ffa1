"""flywheel review serves the pages from one process that owns the store, and ends cleanly."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from pathlib import Path

from flywheel.store.owner import find_owner
from flywheel.store.store import open_store
from tests.cli.command import flywheel
from tests.review.server import free_port, serve


def status(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def gone(db: Path) -> bool:
    """Wait until nobody owns the store."""
    deadline = time.monotonic() + 30
    while find_owner(db) and time.monotonic() < deadline:
        time.sleep(0.05)
    return find_owner(db) is None


def test_it_says_where_it_is_owns_the_store_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with serve(db) as server:
        port = int(server.url.rsplit(":", 1)[1])
        assert status(port, "/") == 200
        assert server.owner() != server.process.pid
        assert flywheel("runs", "--db", db).returncode == 0
        second = flywheel("eval", "unit_math", "-m", "scripted:none", "--db", db)
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert f"in use by process {server.owner()}, which serves" in second.stderr
        assert server.url in second.stderr
        third = flywheel("review", "--db", db, "--port", free_port())
        assert third.returncode == 1
        assert third.stderr == second.stderr
        told = server.end()
        assert server.process.returncode == 0
        assert told == "Stopped. All votes are saved.\n"
    assert find_owner(db) is None
    open_store(db).close()


def test_a_killed_command_takes_its_pages_along(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with serve(db) as server:
        server.process.kill()
        assert gone(db)


def test_killed_pages_end_the_command(tmp_path: Path) -> None:
    with serve(tmp_path / "s.duckdb") as server:
        os.kill(server.owner(), signal.SIGKILL)
        _, errors = server.process.communicate(timeout=300)
        assert server.process.returncode == 1
        assert errors == "Error: the server exited with code -9; all votes are saved\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = flywheel("review", "--db", tmp_path / "s.duckdb", "--port", port)
    assert done.returncode == 1
    assert f"cannot serve at 127.0.0.1, port {port}: Address already in use" in done.stderr
    assert not (tmp_path / "s.duckdb").exists()


def test_a_store_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    db.write_text("this is no store")
    done = flywheel("review", "--db", db, "--port", free_port())
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {db}: ") and done.stderr.count("\n") == 1
    assert done.stdout == ""

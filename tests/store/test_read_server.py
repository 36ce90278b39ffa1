"""Reads through the owner's socket: the same answers, of SELECT alone, for this user alone."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from contextlib import ExitStack, chdir, closing
from pathlib import Path

import numpy as np
import pytest

from flywheel.store.errors import StoreFailed, StoreInUse
from flywheel.store.read_server import ReadServer, RemoteReader, is_served, socket_path
from flywheel.store.store import open_store
from flywheel.store.tables.runs import list_runs
from tests.evals.world import Echo, measure, plan, write_evalset


def test_answers_are_the_owners(tmp_path: Path) -> None:
    db = tmp_path / ("long-" * 30) / "s.duckdb"
    db.parent.mkdir()
    with open_store(db) as store:
        measure(store, plan(write_evalset(tmp_path / "e", items=4)), Echo())
        server = ReadServer(store)
        server.start()
        remote = RemoteReader(db)
        for sql, params in (
            ('SELECT * FROM "runs"', ()),
            ('SELECT * FROM "samples" WHERE "position" > $least', {"least": 1}),
            ("SELECT count(*) AS n, NULL AS nothing, 1.5 AS half, sum(1) AS all", ()),
        ):
            assert remote.query(sql, params) == store.query(sql, params)
        sql = 'SELECT "score", "grader", CASE WHEN "position" > 1 THEN 2 END AS "two" FROM "scores"'
        mine, theirs = store.columns(sql), remote.columns(sql)
        for name, column in mine.items():
            assert np.ma.allequal(column, theirs[name])
            assert column.dtype == theirs[name].dtype
            assert np.array_equal(np.ma.getmaskarray(column), np.ma.getmaskarray(theirs[name]))
        assert list_runs(remote, 5) == list_runs(store, 5)
        server.close()
        assert not is_served(db)


def test_the_newest_rows_are_read_through_the_owner(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store, closing(ReadServer(store)) as server:
        server.start()
        reader = RemoteReader(store.path)
        for macro in ("newest_samples", "newest_scores"):
            assert reader.query(f"SELECT count(*) AS n FROM {macro}('r')") == [{"n": 0}]
        assert reader.query('SELECT sum(1) AS "a ""b"""') == [{'a "b"': 1}]


@pytest.mark.parametrize(
    "sql",
    [
        'DELETE FROM "runs"',
        'SELECT 1; DELETE FROM "runs"',
        "COPY (SELECT 1) TO 'out.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SET memory_limit = '1GB'",
        "ATTACH 'other.duckdb'",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = 'log')",
        "SELECT 1 WHERE 1 IN (SELECT 1 FROM checkpoint())",
        "PRAGMA database_list",
        "nonsense",
        "",
    ],
)
def test_nothing_but_a_select_is_answered(tmp_path: Path, sql: str) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        server = ReadServer(store)
        server.start()
        with pytest.raises(StoreFailed, match="cannot answer"):
            RemoteReader(store.path).query(sql)
        assert RemoteReader(store.path).query("SELECT 1 AS one") == [{"one": 1}]
        server.close()


def test_the_socket_is_its_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open_store(tmp_path / "s.duckdb") as store:
            server = ReadServer(store)
            server.start()
            assert stat.S_IMODE(socket_path(store.path).stat().st_mode) == 0o600
            server.close()
    finally:
        os.umask(before)


def test_what_a_killed_owner_left_is_replaced(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from flywheel.store.read_server import ReadServer
from flywheel.store.store import open_store
ReadServer(open_store(Path(sys.argv[1]))).start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    db = tmp_path / "s.duckdb"
    subprocess.run([sys.executable, "-c", code, str(db)], check=False)
    assert socket_path(db).exists()
    assert not is_served(db)
    with pytest.raises(StoreInUse, match="just ended"):
        RemoteReader(db).query("SELECT 1")
    with open_store(db) as store:
        server = ReadServer(store)
        server.start()
        assert RemoteReader(db).query("SELECT 1 AS one") == [{"one": 1}]
        server.close()


def test_many_silent_peers_leave_the_owner_its_descriptors(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from flywheel.store.read_server import ReadServer
from flywheel.store.store import open_store
ReadServer(open_store(Path(sys.argv[1]))).start()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
print("ready", flush=True)
sys.stdin.read()
"""
    db = tmp_path / "s.duckdb"
    owner = [sys.executable, "-c", code, str(db)]
    with (
        # A socket's address is short.
        chdir(tmp_path),
        subprocess.Popen(
            owner, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        ExitStack() as peers,
    ):
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        for _ in range(100):
            peer = peers.enter_context(socket.socket(socket.AF_UNIX))
            peer.settimeout(5)
            peer.connect(socket_path(db).name)
        time.sleep(1)
        peers.close()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(60)
            peer.connect(socket_path(db).name)
            peer.sendall(bytes(8))
            assert peer.recv(8)
        process.communicate("")


def test_a_cancel_reaches_the_owner(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        asked: list[str] = []
        server = ReadServer(store, lambda name: bool(asked.append(name)) or name == "run-a")
        server.start()
        remote = RemoteReader(store.path)
        assert remote.cancel("run-a")
        assert not remote.cancel("run-b")
        assert asked == ["run-a", "run-b"]
        server.close()

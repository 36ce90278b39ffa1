"""One writer: batches are whole, written once, and acknowledged when they are on disk."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from flywheel.store.errors import StoreFailed
from flywheel.store.memory import Memory
from flywheel.store.store import Store, connect, open_store
from flywheel.store.tables.samples import SAMPLES
from flywheel.store.writer import MOST_WAITING, Writer
from tests.store.rows import item, sample, score


def count(store: Store, table: str) -> int:
    return int(store.query(f'SELECT count(*) AS "n" FROM "{table}"')[0]["n"])


def test_a_batch_is_written_once(tmp_path: Path) -> None:
    rows = {"samples": [sample("r", 0)], "scores": [score("r", 0)]}
    with open_store(tmp_path / "s.duckdb") as store:
        assert store.write("b", rows) is True
        assert store.write("b", rows) is False
        assert store.write("c", rows) is True
    with open_store(tmp_path / "s.duckdb") as store:
        assert store.write("c", rows) is False
        assert (count(store, "samples"), count(store, "scores"), count(store, "batches")) == (
            2,
        ) * 3


def test_one_id_many_times_in_one_commit_is_written_once(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        acks = [store.append("b", {"samples": [sample("r", 0)]}) for _ in range(20)]
        assert sorted(ack.result() for ack in acks) == [False] * 19 + [True]
        assert count(store, "samples") == 1


def test_a_definition_is_kept_once(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        acks = [store.append(f"b{i}", {"items": [item(0), item(i), item(0)]}) for i in range(5)]
        assert all(ack.result() for ack in acks)
        assert count(store, "items") == 5
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("again", {"items": [item(i) for i in range(6)]})
        assert count(store, "items") == 6
        assert store.query('SELECT sum("rows")::INT AS "n" FROM "batches"') == [{"n": 6}]


def test_batches_gather_for_a_fifth_of_a_second_when_nobody_waits(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("warm", {"samples": [sample("r", 0)]})
        begun = time.monotonic()
        acks = [store.append(f"b{i}", {"samples": [sample("r", i)]}) for i in range(10)]
        done, waiting = wait(acks, timeout=300)
        assert (len(done), len(waiting)) == (10, 0)
        assert time.monotonic() - begun > 0.15


def test_who_waits_is_answered_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    open_store(path).close()
    connection = connect(path)
    # Whoever waited for a group to be due would wait for an hour.
    writer = Writer(path, connection.cursor(), Memory(connection.cursor()), group_seconds=3600)
    for i in range(20):
        rows = {"samples": SAMPLES.batch([sample("r", i)])}
        assert writer.submit(f"b{i}", rows).result(timeout=300)
    writer.close()
    connection.close()


def test_a_coroutine_can_wait(tmp_path: Path) -> None:
    async def send(store: Store) -> list[bool]:
        acks = [store.append(f"b{i}", {"samples": [sample("r", i)]}) for i in range(50)]
        return await asyncio.gather(*map(asyncio.wrap_future, acks))

    with open_store(tmp_path / "s.duckdb") as store:
        assert all(asyncio.run(send(store)))


def test_eight_threads_write_while_eight_read(tmp_path: Path) -> None:
    seen: list[int] = []

    def read(store: Store) -> None:
        for _ in range(10):
            found = store.query(
                'SELECT (SELECT count(*) FROM "samples") - (SELECT count(*) FROM "scores") AS "odd"'
            )
            seen.append(int(found[0]["odd"]))

    def send(store: Store, thread: int) -> None:
        for i in range(20):
            pairs = [(number, i) for number in range(10)]
            rows = [sample(f"r{thread}", *pair) for pair in pairs]
            scored = [score(f"r{thread}", *pair) for pair in pairs]
            store.write(f"{thread}-{i}", {"samples": rows, "scores": scored})

    with open_store(tmp_path / "s.duckdb") as store:
        with ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(send, store, thread) for thread in range(8)]
            jobs += [pool.submit(read, store) for _ in range(8)]
            for job in jobs:
                job.result()
        assert count(store, "samples") == 8 * 20 * 10
    assert set(seen) == {0}, "a reader saw half a batch"


def test_a_full_queue_makes_the_sender_wait(tmp_path: Path) -> None:
    rows = {"samples": [sample("r", i) for i in range(1_000)]}
    with open_store(tmp_path / "s.duckdb") as store:
        acks = [store.append(f"b{i}", rows) for i in range(3 * MOST_WAITING // 1_000)]
        assert sum(not ack.done() for ack in acks) <= 2 * MOST_WAITING // 1_000 + 1


def test_what_waits_is_written_at_close(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.duckdb")
    acks = [store.append(f"b{i}", {"samples": [sample("r", i)]}) for i in range(100)]
    store.close()
    store.close()
    assert all(ack.done() and ack.result() for ack in acks)


def test_a_closed_store_refuses(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.duckdb")
    store.close()
    with pytest.raises(StoreFailed, match="the store is closed"):
        store.append("b", {"samples": [sample("r", 0)]})
    with pytest.raises(StoreFailed, match="the store is closed"):
        store.query("SELECT 1")


def test_a_thread_that_waits_for_room_hears_of_the_close(tmp_path: Path) -> None:
    rows = {"samples": [sample("r", i) for i in range(1_000)]}
    heard: list[str] = []

    def send(store: Store) -> None:
        try:
            for i in range(10_000):
                store.append(f"b{i}", rows)
        except StoreFailed as error:
            heard.append(str(error))

    store = open_store(tmp_path / "s.duckdb")
    thread = threading.Thread(target=send, args=[store])
    thread.start()
    time.sleep(0.3)
    store.close()
    thread.join(10)
    assert heard and "closed" in heard[0]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_refused_and_takes_nothing_with_it(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.duckdb")
    pid = os.fork()
    if pid == 0:
        try:
            store.append("b", {"samples": [sample("r", 0)]})
        except StoreFailed:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert store.write("b", {"samples": [sample("r", 0)]})
    store.close()

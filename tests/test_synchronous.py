"""Coroutines from synchronous code: with and without a loop in the thread, and interrupted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flywheel.store.store import open_store
from flywheel.store.tables.runs import run_status
from flywheel.synchronous import Background, result_of
from tests.evals.world import Echo, measure, plan, write_evalset


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def failing() -> None:
    raise ValueError("no")


def test_without_a_loop_the_work_is_done_in_this_thread() -> None:
    async def here() -> threading.Thread:
        return threading.current_thread()

    assert result_of(here()) is threading.current_thread()


def test_in_a_running_loop_results_and_errors_are_the_same() -> None:
    async def cell() -> None:
        with Background() as loop:
            assert [loop.start(doubled(n)).wait() for n in (1, 2)] == [2, 4]
            with pytest.raises(ValueError, match="no"):
                loop.start(failing()).wait()
        assert result_of(doubled(3)) == 6

    before = threading.active_count()
    asyncio.run(cell())
    assert threading.active_count() == before


def test_work_runs_side_by_side_and_each_is_cancelled_by_itself() -> None:
    async def waiting() -> None:
        await asyncio.sleep(600)

    with Background() as loop:
        one, other = loop.start(waiting()), loop.start(waiting())
        assert loop.start(doubled(2)).wait() == 4
        one.cancel()
        assert one.ended()
        with pytest.raises(asyncio.CancelledError):
            one.result()
        assert not other.ended()
    assert other.ended(10)


def test_a_notebook_measures(tmp_path: Path) -> None:
    async def cell() -> float | None:
        with open_store(tmp_path / "s.duckdb") as store:
            result = measure(store, plan(write_evalset(tmp_path / "e", items=4)), Echo())
            assert run_status(store, result.run.run) == "finished"
            return result.as_json()["primary"]["mean"]

    assert asyncio.run(cell()) == 1.0


# As a notebook's kernel does: a loop that runs for ever, in which an interrupt is raised.
INTERRUPTED = """
import asyncio, os, signal, sys, threading
from pathlib import Path
from flywheel.store.tables.runs import run_status
from flywheel.store.store import open_store
from tests.evals.world import Echo, measure, plan

async def cell(store):
    of = plan(Path(sys.argv[1]))
    seen = []

    def advance(count):
        seen.append(count)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    try:
        measure(store, of, Echo(), advance=advance)
    except KeyboardInterrupt:
        return "interrupted"

with open_store(Path(sys.argv[2])) as store:
    said = asyncio.new_event_loop().run_until_complete(cell(store))
    (row,) = store.query('SELECT "run" FROM "runs"')
    left = [thread.name for thread in threading.enumerate() if thread.name == "work"]
    print(said, run_status(store, row["run"]), left)
"""


def test_an_interrupted_cell_leaves_a_run_that_can_go_on(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=3000)
    command = [sys.executable, "-c", INTERRUPTED, str(folder), str(tmp_path / "s.duckdb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout == "interrupted interrupted []\n", done.stderr

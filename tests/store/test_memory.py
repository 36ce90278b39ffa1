"""Memory is given to operations: what one run takes or spares does not disturb another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pytest

from flywheel.store.errors import StoreFailed
from flywheel.store.memory import FRUGAL, NORMAL, Memory
from flywheel.store.store import Store, connect, open_store
from tests.evals.world import Echo, measure, plan, write_evalset
from tests.store.rows import sample

# A text of 60 MB, of which DuckDB holds several copies: too much for a frugal operation.
HEAVY = "SELECT length(string_agg(repeat('x', 1000), '')) AS n FROM range(60000)"


def limit_of(store: Store) -> str:
    return store.query("SELECT current_setting('memory_limit') AS x")[0]["x"]


def test_a_query_beside_a_frugal_run_has_memory_of_its_own(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store, ThreadPoolExecutor(1) as pool:
        before = limit_of(store)
        with store.frugal():
            with pytest.raises(StoreFailed, match="not enough memory"):
                store.query(HEAVY)
            assert pool.submit(store.query, HEAVY).result() == [{"n": 60_000_000}]
            assert limit_of(store) != before
        assert limit_of(store) == before


def test_each_operation_brings_its_share_and_takes_it_along(tmp_path: Path) -> None:
    connection = connect(tmp_path / "s.duckdb")
    memory = Memory(connection)
    assert memory.limit == NORMAL
    with memory.frugal():
        assert memory.limit == FRUGAL
        with ExitStack() as running:
            for count in range(1, 11):
                running.enter_context(memory.operation())
                assert memory.limit == FRUGAL * count
        assert memory.limit == FRUGAL
        with memory.most():
            most = memory.limit
            with memory.operation():
                assert memory.limit == most > NORMAL, "it is not lowered meanwhile"
        with ThreadPoolExecutor(1) as pool, memory.operation():
            enter = memory.operation()
            pool.submit(enter.__enter__).result()  # a thread is not in this context
            assert memory.limit == FRUGAL + NORMAL
            pool.submit(enter.__exit__, None, None, None).result()
    assert memory.limit == NORMAL
    connection.close()


def test_the_limit_is_never_below_what_rows_need(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store, store.frugal():
        assert limit_of(store) == "61.0 MiB"
        store.write("b", {"samples": [sample("r", 0, output_text="x" * 50_000)]})
        assert limit_of(store) == "293.7 MiB", "three times 2,048 of such rows"
        with store.cursor() as cursor:
            cursor.execute("CHECKPOINT")


def test_ten_measurings_at_once_leave_nothing_behind(tmp_path: Path) -> None:
    plans = [plan(write_evalset(tmp_path / f"e{n}", items=60), f"m{n}") for n in range(10)]
    together = Barrier(10)
    with open_store(tmp_path / "s.duckdb") as store:
        before = limit_of(store)

        def work(number: int) -> int:
            together.wait()
            return measure(store, plans[number], Echo()).n

        with ThreadPoolExecutor(10) as pool:
            assert list(pool.map(work, range(10))) == [60] * 10
        assert limit_of(store) == before
